# Functions and variables for hooks, to be read by  . common.sh  in bash (the working directory of hooks is the
# directory of this file). It prints nothing, takes no arguments and works under set -e and set -u.
#
#   log_error WORD...    says something on stderr
#   CLEANUP+=("CMD ...") what to undo when the hook ends, however it ends: the last one first
#   cleanup              undoes it now
#   $VOL_ID DEVICE       prints the UUID of the filesystem or swap space on DEVICE
#   $VOL_TYPE DEVICE     prints its type
#
# and the settings that are in force, as $PROXY and $MIRROR, besides those that hooks find in their environment.

CLEANUP=()

log_error() {
  echo "$@" >&2
}

# One that fails does not stop the others; then the status is that of the first which failed. What was undone once is
# not undone again: a hook may call this at its end and leave the trap in place.
cleanup() {
  local entry status=0
  while ((${#CLEANUP[@]} > 0)); do
    entry=${CLEANUP[-1]}
    unset 'CLEANUP[-1]'
    # Entries are split at blanks, not evaluated: hooks were written for that.
    # shellcheck disable=SC2086
    $entry || { [ "$status" -ne 0 ] || status=$?; }
  done
  return "$status"
}

trap cleanup EXIT

# Read anew at each use: what a cache of blkid says of a device that was just formatted may be old.
VOL_ID="blkid -p -o value -s UUID"
VOL_TYPE="blkid -p -o value -s TYPE"

# The settings, as a list of assignments, come from create.
eval "${INSTANCE_DEBOOTSTRAP_SETTINGS-}"
# Settings by hand have their built-in values (npm run generate writes the list).
: "${PROXY=}"
: "${MIRROR=}"
: "${ARCH=}"
: "${SUITE=trixie}"
: "${EXTRA_PKGS=}"
: "${COMPONENTS=}"
: "${BOOTSTRAP=debootstrap}"
: "${DEBOOTSTRAP_OPTS=}"
: "${KEYRING=}"
: "${CHECK_SIGNATURES=yes}"
: "${SCRATCH_DIR=}"
: "${ALLOWED_PARAMETERS=harmless}"
: "${COMMAND_TIMEOUT=600}"
: "${STALL_TIMEOUT=900}"
: "${DEBUG_LOG=no}"
: "${GENERATE_CACHE=yes}"
: "${CLEAN_CACHE=14}"
: "${IMAGE_CACHE=yes}"
: "${DEBS_CACHE_SIZE=1024}"
: "${PARTITION_ALIGNMENT=2048}"
: "${PARTITION_MAPPER=auto}"
: "${OSP_FILESYSTEM=ext4}"
: "${BOOTLOADER=none}"
: "${KERNEL=auto}"
: "${NETWORK=none}"
: "${IPCONFIG0=}"
: "${IPCONFIG1=}"
: "${IPCONFIG2=}"
: "${IPCONFIG3=}"
: "${IPCONFIG4=}"
: "${IPCONFIG5=}"
: "${IPCONFIG6=}"
: "${IPCONFIG7=}"
: "${DNS_NAMESERVERS=}"
: "${DNS_SEARCH=}"
: "${NTP_SERVERS=}"
: "${EXPORT_COMPRESSION=none}"
: "${EXPORT_FORMAT=auto}"
: "${IMPORT_NEW_UUIDS=no}"

SCRIPT_NAME=create
instance=${INSTANCE_NAME-}
blockdev=${BLOCKDEV-${DISK_0_PATH-}}
