import { expect, it } from "vitest";
import { nearestName } from "../../../../src/config/values/nearest-name.ts";
import { settingNames } from "../../../../src/settings/settings.ts";

it.each([
  ["EXTRA_PKG", "EXTRA_PKGS"],
  ["EXTRA_PACKAGES", "EXTRA_PKGS"],
  ["SUIT", "SUITE"],
  ["SUTIE", "SUITE"],
  ["CACHEDIR", "CACHE_DIR"],
  ["FILESYSTEM", "OSP_FILESYSTEM"],
  ["OSP_FILESYTEM", "OSP_FILESYSTEM"],
  ["PARTITION_STILE", "PARTITION_STYLE"],
  ["BOOT_LOADER", "BOOTLOADER"],
  ["IMPORT_NEW_UUID", "IMPORT_NEW_UUIDS"],
])("%s is probably meant to be %s", (name, meant) => {
  expect(nearestName(name, settingNames)).toBe(meant);
});

it.each(["PATH", "IFS", "LANG", "TMPDIR", "HOME", "BASE", "OSP_ROOT_PASSWORD", "KERNEL_VERSION"])(
  "%s is near to no setting",
  (name) => {
    expect(nearestName(name, settingNames)).toBeUndefined();
  },
);
