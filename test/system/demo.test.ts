import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { inGuest, sh } from "../fixtures/loop-disk.ts";
import { temporaryDirectory } from "../fixtures/test-host.ts";

test("make demo makes a guest in a fresh clone and reads back what it is", () => {
  const clone = join(temporaryDirectory(), "clone");
  sh('git clone --quiet . "$1"', clone);
  const said = execFileSync("make", ["-C", clone, "demo"], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  expect(said).toMatch(/^hostname: +demo\.example\.com$/m);
  expect(said).toMatch(/^release: +Debian GNU\/Linux /m);
  expect(Number(/^packages: +(\d+)$/m.exec(said)?.[1])).toBeGreaterThan(100);
  expect(said).toMatch(/UUID=[0-9a-f-]{36} +\/ +ext4/);
  expect(said).toContain("qemu-system-x86_64");
  const disk = join(clone, "demo.img");
  expect(inGuest(disk, "cat etc/hostname; ls boot/vmlinuz-*", 1024 * 1024)).toMatch(
    /^demo\.example\.com\nboot\/vmlinuz-/,
  );
  expect(sh('losetup --associated "$1"', disk)).toBe("");
});

test("the demo fails with create, and leaves nothing but the disk file", () => {
  const disk = join(temporaryDirectory(), "demo.img");
  sh("make -s build");
  const env = { PATH: process.env["PATH"], BOOTLOADER: "lilo" };
  const { status, stdout, stderr } = spawnSync("scripts/demo", [disk], { env, encoding: "utf8" });
  expect(status).not.toBe(0);
  expect(stdout).not.toContain("== Done");
  expect(stderr).toContain("BOOTLOADER");
  expect(sh('losetup --associated "$1"', disk)).toBe("");
});
