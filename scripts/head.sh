#!/bin/sh
":" /* # A shell script and a JavaScript program at once: sh stops at exec, JavaScript sees this part as a comment.
node='@NODE@'
start='@START@'

[ -x "$node" ] || node=$(command -v node) || {
  echo "$0: node is not where this was installed for it, and not on the PATH either" >&2
  echo "  install nodejs, or run 'make install NODE=/path/of/node' in the sources again" >&2
  exit 1
}
# They are meant for the program of somebody else, and node would obey.
unset NODE_OPTIONS NODE_PATH NODE_DEBUG

# node would open /dev/null in the place of a closed stdout, and export would write a backup to it and call it good.
{ true 3>&1; } 2>/dev/null || export STDOUT_IS_CLOSED=yes

# With the code that was made of this program when it was installed, node need not compile it.
[ -f "$0.code" ] && [ -f "$start" ] || start=

# A mount namespace of our own, entered before node starts: whatever we mount is gone when we are, SIGKILL included,
# and "slave" still shows us what the node mounts meanwhile. Not possible without root, nor where / is no mount point
# (some chroots): then without it.
case ${1-} in
-h | --help) ;;
*)
  if unshare --mount --propagation slave -- true </dev/null >/dev/null 2>&1; then
    exec unshare --mount --propagation slave -- "$node" ${start:+"$start"} "$0" "$@"
  fi
  ;;
esac
exec "$node" ${start:+"$start"} "$0" "$@"
*/;
"use strict";
const INSTALLATION = { osDir: "@OS_DIR@", sysconfdir: "/etc", localstatedir: "/var" };
