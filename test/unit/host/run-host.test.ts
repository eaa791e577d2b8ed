import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openRunDirectory, runDirectory } from "../../../src/host/run-host.ts";
import { temporaryDirectory } from "../../fixtures/test-host.ts";

test("is below /run, which a reboot empties, or below another LOCALSTATEDIR", () => {
  expect(runDirectory({ localstatedir: "/var" })).toMatch(/^(\/var)?\/run\/ganeti-instance-debootstrap$/);
  expect(runDirectory({ localstatedir: "/nonexistent/var" })).toBe("/nonexistent/var/run/ganeti-instance-debootstrap");
});

test("is named as the kernel names the mount points in it, without symbolic links", () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, "disk2"));
  symlinkSync("disk2", join(directory, "var"));
  expect(runDirectory({ localstatedir: join(directory, "var") })).toBe(
    join(directory, "disk2/run/ganeti-instance-debootstrap"),
  );
});

test("is made when it is missing, and what keeps it from being made is said with a remedy", () => {
  const directory = temporaryDirectory();
  openRunDirectory({ runDir: join(directory, "run/here") });
  expect(existsSync(join(directory, "run/here"))).toBe(true);
  writeFileSync(join(directory, "file"), "");
  expect(() => {
    openRunDirectory({ runDir: join(directory, "file/here") });
  }).toThrow(expect.objectContaining({ name: "KnownError", hint: expect.stringMatching(/writable/) as unknown }));
});

test("is refused when others than root may write to it, with owner, mode and remedy; one that all may read is not", () => {
  const runDir = temporaryDirectory();
  chmodSync(runDir, 0o755);
  openRunDirectory({ runDir });
  chmodSync(runDir, 0o777);
  expect(() => {
    openRunDirectory({ runDir });
  }).toThrow(
    expect.objectContaining({
      name: "UntrustedFile",
      hint: expect.stringContaining(`chmod go-w ${runDir}`) as unknown,
    }),
  );
});
