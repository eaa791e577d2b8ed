import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installOs } from "../fixtures/installed-os.ts";
import { atMost, startVm, type VmOptions } from "../fixtures/vm.ts";
import {
  expectGrubUpdates,
  expectHealthy,
  guestMac,
  type GuestPlan,
  installGuest,
  kernelOf,
  rootOffset,
} from "../fixtures/vm-guests.ts";

/** How a guest is started: by the disk's own boot loader, or with a kernel of the node. */
type Start = "bios" | "uefi" | "kernel";

interface Case extends Omit<GuestPlan, "name"> {
  /** In this order, on one disk. */
  readonly starts: readonly Start[];
  readonly bus?: VmOptions["bus"];
}

// Every combination that can work; docs/boot.md has the table, and why the others cannot.
const cases: readonly Case[] = (["trixie", "bookworm"] as const).flatMap((suite) => [
  ...(["ext4", "xfs", "btrfs"] as const).flatMap((filesystem): Case[] => [
    { suite, style: "msdos", bootloader: "grub", filesystem, starts: ["bios"] },
    {
      suite,
      style: "gpt",
      bootloader: "grub",
      filesystem,
      starts: filesystem === "ext4" ? ["bios", "uefi", "kernel"] : ["bios", "uefi"],
    },
    { suite, style: "none", bootloader: "none", filesystem, starts: ["kernel"] },
  ]),
  { suite, style: "msdos", bootloader: "extlinux", filesystem: "ext4", starts: ["bios"] },
]);

const os = installOs();
let directory = "";
const slot = atMost(2);
// They share a settings file.
const installer = atMost(1);

beforeAll(() => {
  directory = mkdtempSync(join(process.env["GID_VM_SCRATCH"] ?? tmpdir(), "gid-vm-"));
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe.concurrent("a guest installed on a disk", () => {
  test.each(cases.map((plan) => [sentence(plan), plan] as const))("%s", async (_, plan) => {
    await slot(async () => {
      const disk = await installer(() => installGuest(os, named(plan), directory));
      for (const start of plan.starts) await boot(named(plan), disk, start);
      rmSync(disk);
    });
  });
});

async function boot(plan: GuestPlan, disk: string, start: Start): Promise<void> {
  await using vm = startVm({ disks: [disk], mac: guestMac, ...startOptions(plan, disk, start) });
  await vm.login();
  await expectHealthy(vm, plan);
  if (plan.bootloader === "grub" && start === "bios") await expectGrubUpdates(vm);
  if (start === "uefi")
    expect(await vm.succeed("test -d /sys/firmware/efi; findmnt -no FSTYPE /boot/efi")).toBe("vfat");
  await vm.powerOff();
}

function startOptions(plan: GuestPlan, disk: string, start: Start): Partial<VmOptions> {
  if (start !== "kernel") return { firmware: start };
  return plan.style === "none"
    ? { kernel: kernelOf(disk, directory, "/dev/vda") }
    : { kernel: kernelOf(disk, directory, "/dev/vda3", rootOffset(disk)) };
}

function sentence({ suite, style, bootloader, filesystem, starts }: Case): string {
  const means = starts.map((start) => (start === "kernel" ? "a kernel of the node" : start.toUpperCase())).join(", ");
  return `boots ${suite} from ${style} on ${filesystem} with boot loader ${bootloader}, by ${means}`;
}

function named(plan: Case): GuestPlan {
  const { suite, style, bootloader, filesystem } = plan;
  return { ...plan, name: `${suite}-${style}-${bootloader}-${filesystem}.example.com` };
}
