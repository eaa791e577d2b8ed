import { mkdtempSync, openSync, closeSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installOs } from "../fixtures/installed-os.ts";
import { atMost, startVm } from "../fixtures/vm.ts";
import {
  emptyDisk,
  expectGrubUpdates,
  expectHealthy,
  expectSuccess,
  guestMac,
  type GuestPlan,
  guestSettings,
  guestVariables,
  installGuest,
  kernelOf,
} from "../fixtures/vm-guests.ts";

// What happens to a guest after it was installed, and whether it starts then.

const minutes = 60;
const os = installOs();
let directory = "";
const slot = atMost(2);
// They share a settings file and hooks.
const installer = atMost(1);

beforeAll(() => {
  directory = mkdtempSync(join(process.env["GID_VM_SCRATCH"] ?? tmpdir(), "gid-vm-"));
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

function plan(name: string, rest: Partial<GuestPlan>): GuestPlan {
  const usual = { suite: "trixie", style: "msdos", bootloader: "grub", filesystem: "ext4" } as const;
  return { ...usual, ...rest, name: `${name}.example.com` };
}

/** Exports the guest's disk and imports the backup onto a new disk, which it returns. */
async function moveToLargerDisk(guest: GuestPlan, disk: string): Promise<string> {
  const backup = join(directory, `${guest.name}.backup`);
  const target = emptyDisk(join(directory, `${guest.name}-restored.img`), 3072);
  os.settings(guestSettings(guest));
  const out = openSync(backup, "w");
  const exported = { ...guestVariables(guest, disk), EXPORT_DEVICE: disk, EXPORT_INDEX: "0" };
  expectSuccess(
    await os.run("export", { env: exported, stdout: out }).finally(() => {
      closeSync(out);
    }),
  );
  const input = openSync(backup, "r");
  const imported = { ...guestVariables(guest, target), IMPORT_DEVICE: target, IMPORT_INDEX: "0" };
  expectSuccess(
    await os.run("import", { env: imported, stdin: input }).finally(() => {
      closeSync(input);
    }),
  );
  rmSync(backup);
  rmSync(disk);
  return target;
}

async function rename(guest: GuestPlan, disk: string, newName: string): Promise<GuestPlan> {
  const renamed = { ...guest, name: newName };
  os.settings(guestSettings(guest));
  expectSuccess(await os.run("rename", { env: { ...guestVariables(renamed, disk), OLD_INSTANCE_NAME: guest.name } }));
  return renamed;
}

describe.concurrent("a guest still boots", () => {
  test("when it was exported, imported onto a larger disk, and then renamed", async () => {
    await slot(async () => {
      const guest = plan("moved", { style: "gpt" });
      const disk = await installer(async () => await moveToLargerDisk(guest, await installGuest(os, guest, directory)));
      await startAndCheck(guest, disk, { firmware: "uefi" });
      const renamed = await installer(() => rename(guest, disk, "other.example.com"));
      await startAndCheck(renamed, disk, { firmware: "bios" });
      rmSync(disk);
    });
  });

  test("when extlinux starts it and it was exported and imported", async () => {
    await slot(async () => {
      const guest = plan("moved-extlinux", { bootloader: "extlinux" });
      const disk = await installer(async () => await moveToLargerDisk(guest, await installGuest(os, guest, directory)));
      await startAndCheck(guest, disk, {});
      rmSync(disk);
    });
  });

  test("when grub-pc was reinstalled in it without questions, and its disk comes by another bus", async () => {
    await slot(async () => {
      const guest = plan("reinstalled", {});
      const disk = await installer(async () => {
        os.hook("grub-pc", downloadGrub);
        return await installGuest(os, guest, directory).finally(() => {
          os.removeHooks();
        });
      });
      {
        await using vm = startVm({ disks: [disk], mac: guestMac });
        await vm.login();
        const apt = "DEBIAN_FRONTEND=noninteractive apt-get install --reinstall --yes /root/grub-pc_*.deb";
        expect(await vm.succeed(apt, 10 * minutes)).toMatch(/grub-install success for \/dev\/vda/);
        await vm.powerOff();
      }
      await startAndCheck(guest, disk, { bus: "sata" });
      rmSync(disk);
    });
  });

  test("when it has swap", async () => {
    await slot(async () => {
      const guest = plan("swapping", { style: "none", bootloader: "none" });
      const disk = emptyDisk(join(directory, `${guest.name}.img`), 2048);
      const swap = emptyDisk(join(directory, `${guest.name}.swap`), 256);
      await installer(async () => {
        os.settings(guestSettings(guest));
        expectSuccess(await os.run("create", { args: ["-i", guest.name, "-b", disk, "-s", swap] }));
      });
      await using vm = startVm({ disks: [disk, swap], mac: guestMac, kernel: kernelOf(disk, directory, "/dev/vda") });
      await vm.login();
      await expectHealthy(vm, guest);
      expect(await vm.succeed("swapon --noheadings --show=TYPE,SIZE")).toBe("partition 256M");
      await vm.powerOff();
    });
  });
});

async function startAndCheck(
  guest: GuestPlan,
  disk: string,
  how: { readonly firmware?: "bios" | "uefi"; readonly bus?: "sata" },
): Promise<void> {
  await using vm = startVm({ disks: [disk], mac: guestMac, ...how });
  await vm.login();
  await expectHealthy(vm, guest);
  if (guest.bootloader === "grub") await expectGrubUpdates(vm);
  await vm.powerOff();
}

// The package that is to be reinstalled, so that the emulated machine needs no network.
const downloadGrub = `#!/bin/sh
set -eu
chroot "$TARGET" sh -euc 'apt-get -q update; cd /root; apt-get -q download grub-pc; apt-get clean; rm -rf /var/lib/apt/lists/*_*'
`;
