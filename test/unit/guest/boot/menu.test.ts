import { mkdirSync, writeFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { extlinuxConfig } from "../../../../src/guest/boot/extlinux/install.ts";
import { distributorIn, espGrubConfig, grubConfig, grubDefaults } from "../../../../src/guest/boot/grub/menu.ts";
import { forgoResume } from "../../../../src/guest/boot/initramfs.ts";
import { linkedKernel, newestKernel } from "../../../../src/guest/boot/kernel.ts";
import { openRoot, type RootedFiles } from "../../../../src/host/files/rooted-files.ts";
import { temporaryDirectory } from "../../../fixtures/test-host.ts";

const uuid = "0d6a7d2e-7b1c-4c2f-9a52-4b6a5d1f3c11";
const kernel = {
  version: "6.12.1-amd64",
  image: "/boot/vmlinuz-6.12.1-amd64",
  initrd: "/boot/initrd.img-6.12.1-amd64",
};
const serial = { serial: undefined, kernelArguments: ["console=tty0", "console=ttyS0,38400n8"], serialSpeed: 38_400 };
const silent = { serial: undefined, kernelArguments: [], serialSpeed: undefined };

function guest(paths: readonly string[]): RootedFiles {
  const root = temporaryDirectory();
  for (const path of paths) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), "");
  }
  return openRoot(root);
}

describe("grub's first menu", () => {
  test("finds everything by the filesystem's UUID, with the serial console on grub's and the kernel's line", () => {
    expect(grubConfig({ kernel, uuid, console: serial, distributor: "Debian GNU/Linux", serial: true })).toBe(
      `# Made when the guest was installed; update-grub writes it anew.
set default=0
set timeout=2
serial --unit=0 --speed=38400 --word=8 --parity=no --stop=1
terminal_input console serial
terminal_output console serial
search --no-floppy --fs-uuid --set=root ${uuid}

menuentry 'Debian GNU/Linux, with Linux 6.12.1-amd64' {
	linux	/boot/vmlinuz-6.12.1-amd64 root=UUID=${uuid} ro console=tty0 console=ttyS0,38400n8
	initrd	/boot/initrd.img-6.12.1-amd64
}
`,
    );
  });

  test("has no lines about terminals for pygrub and for instances without a serial console", () => {
    const texts = [
      grubConfig({ kernel, uuid, console: serial, distributor: "Debian", serial: false }),
      grubConfig({ kernel, uuid, console: silent, distributor: "Debian", serial: true }),
    ];
    for (const text of texts) expect(text).not.toMatch(/terminal|^serial/m);
  });

  test("takes no quotation mark from a distributor's name", () => {
    const text = grubConfig({ kernel, uuid, console: silent, distributor: "O'Linux' {", serial: true });
    expect(text).toContain("menuentry 'OLinux {, with Linux 6.12.1-amd64' {");
  });
});

test("update-grub learns the console from a file of its own, and nothing where there is none", () => {
  expect(grubDefaults(serial)).toContain('GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX console=tty0 console=ttyS0,38400n8"');
  expect(grubDefaults(serial)).toContain('GRUB_TERMINAL="console serial"');
  expect(grubDefaults(silent)).not.toMatch(/CMDLINE|TERMINAL|SERIAL/);
});

test("the EFI program's menu falls back to the root partition of its own disk before it searches for the UUID", () => {
  const lines = espGrubConfig(uuid, 3).split("\n");
  expect(lines).toContain('set root="$disk,gpt3"');
  expect(lines.indexOf('set root="$disk,gpt3"')).toBeLessThan(lines.findIndex((line) => line.startsWith("search ")));
  expect(lines).toContain("configfile $prefix/grub.cfg");
});

test("extlinux's menu starts the kernel by UUID on the serial console", () => {
  const text = extlinuxConfig({ ...kernel, image: "/vmlinuz", initrd: "/initrd.img" }, uuid, serial);
  expect(text).toContain("SERIAL 0 38400\n");
  expect(text).toContain(
    `  LINUX /vmlinuz\n  INITRD /initrd.img\n  APPEND root=UUID=${uuid} ro console=tty0 console=ttyS0,38400n8\n`,
  );
});

describe("the guest's kernel", () => {
  test("is the newest by its numbers", async () => {
    const files = guest(
      ["6.9.0-1", "6.12.0-1", "6.1.0-9"].flatMap((version) => [
        `boot/vmlinuz-${version}`,
        `boot/initrd.img-${version}`,
      ]),
    );
    expect(await newestKernel(files)).toEqual({
      version: "6.12.0-1",
      image: "/boot/vmlinuz-6.12.0-1",
      initrd: "/boot/initrd.img-6.12.0-1",
    });
  });

  test("may have no initial RAM disk, and may not be there at all", async () => {
    expect(await newestKernel(guest(["boot/vmlinuz-6.9"]))).toMatchObject({ initrd: undefined });
    expect(await newestKernel(guest(["etc/hostname"]))).toBeUndefined();
  });

  test.each([
    ["Debian's links", ["vmlinuz", "initrd.img"], { image: "/vmlinuz", initrd: "/initrd.img" }],
    ["Ubuntu's links", ["boot/vmlinuz", "boot/initrd.img"], { image: "/boot/vmlinuz", initrd: "/boot/initrd.img" }],
    ["its own name without links", [], { image: kernel.image, initrd: kernel.initrd }],
    ["its own name where one link is missing", ["vmlinuz"], { image: kernel.image, initrd: kernel.initrd }],
  ])("is named by %s", async (_, links, expected) => {
    expect(await linkedKernel(guest(["etc/hostname", ...links]), kernel)).toMatchObject(expected);
  });
});

test("the distributor's name comes from os-release", () => {
  expect(distributorIn('PRETTY_NAME="Debian 13"\nNAME="Debian GNU/Linux"\nID=debian\n')).toBe("Debian GNU/Linux");
  expect(distributorIn("")).toBe("Linux");
});

describe("resuming", () => {
  test("is switched off where initramfs-tools is there", async () => {
    const files = guest(["etc/initramfs-tools/conf.d/other"]);
    await forgoResume(files);
    expect(await files.read("/etc/initramfs-tools/conf.d/resume")).toBe("RESUME=none\n");
  });

  test("stays what an administrator's cache says, and nothing is made for a guest without a kernel", async () => {
    const files = guest(["etc/initramfs-tools/conf.d/resume"]);
    await forgoResume(files);
    expect(await files.read("/etc/initramfs-tools/conf.d/resume")).toBe("");
    const bare = guest(["etc/hostname"]);
    await forgoResume(bare);
    expect(await bare.exists("/etc/initramfs-tools")).toBe(false);
  });
});

test("a kernel behind an absolute link is found inside the guest", async () => {
  const files = guest(["boot/vmlinuz-6.9", "boot/initrd.img-6.9"]);
  symlinkSync("/boot/vmlinuz-6.9", join(files.root, "vmlinuz"));
  symlinkSync("/boot/initrd.img-6.9", join(files.root, "initrd.img"));
  const newest = await newestKernel(files);
  expect(await linkedKernel(files, newest!)).toMatchObject({ image: "/vmlinuz" });
});
