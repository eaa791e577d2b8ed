import { expect, test } from "vitest";
import { hookEnvironment } from "../../../../src/guest/hooks/environment.ts";
import type { InstalledGuest } from "../../../../src/guest/tree/installed-guest.ts";
import { testConfig } from "../../../fixtures/config.ts";
import { guestTree } from "../../../fixtures/guest-tree.ts";

test("the environment is Ganeti's as the settings left it, then the guest's facts", () => {
  const config = testConfig("/cache", {
    environment: { INSTANCE_NAME: "changed", OSP_SECRET: "s", SUITE: "wrong", PATH: "/sbin:/bin", LANG: "C.UTF-8" },
    extraPackages: ["acpid", "udev"],
    settings: { PROXY: "http://proxy.example.com:3128", SUITE: "trixie" },
  });
  const guest = {
    files: guestTree({}).files,
    root: { device: "/dev/loop2", disk: { device: "/dev/loop1" } },
  } as unknown as InstalledGuest;
  expect(hookEnvironment(config, guest)).toEqual({
    INSTANCE_NAME: "changed",
    OSP_SECRET: "s",
    PATH: "/sbin:/bin",
    LANG: "C.UTF-8",
    INSTANCE_DEBOOTSTRAP_SETTINGS: "PROXY=http://proxy.example.com:3128",
    TARGET: guest.files.root,
    SUITE: config.suite,
    ARCH: config.arch,
    PARTITION_STYLE: "none",
    EXTRA_PKGS: "acpid,udev",
    BLOCKDEV: "/dev/loop1",
    FSYSDEV: "/dev/loop2",
  });
});
