/**
 * The name by which the guest's packages find the disk to renew grub on: a link made by udev from the disk's own
 * identifier, the same on every bus.
 */
export const bootDisk = "/dev/disk/by-id/boot-disk";

/** The udev rules in the guest that make the link. */
export const bootDiskRules = "/etc/udev/rules.d/61-boot-disk.rules";

/** The text of the rules for a partition table's identifier, as sfdisk prints it. */
export function bootDiskRule(tableId: string): string {
  const id = tableId.replace(/^0x/i, "").toLowerCase();
  const link = bootDisk.replace("/dev/", "");
  return `# The disk that the package grub-pc installs grub on (debconf: grub-pc/install_devices), by its identifier.
SUBSYSTEM=="block", ENV{DEVTYPE}=="disk", ENV{ID_PART_TABLE_UUID}=="${id}", SYMLINK+="${link}"
`;
}

/** The rules with another identifier, as udev writes it; all else as it was. */
export function withTableId(rules: string, tableId: string): string {
  return rules.replace(/ENV\{ID_PART_TABLE_UUID\}=="[^"]*"/, () => `ENV{ID_PART_TABLE_UUID}=="${tableId}"`);
}
