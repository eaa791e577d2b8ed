import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { verify } from "../../../src/commands/verify.ts";
import { KnownError } from "../../../src/host/errors.ts";
import type { Host } from "../../../src/host/host.ts";
import { createLog } from "../../../src/host/log.ts";
import type { VerifyRequest } from "../../../src/os-api/request.ts";
import { osParameters } from "../../../src/settings/settings.ts";
import { temporaryDirectory, testHost } from "../../fixtures/test-host.ts";

async function check(osParameters: Readonly<Record<string, string>>, list = "filesystem The type.\n"): Promise<string> {
  const host = testHost();
  const osDir = temporaryDirectory();
  writeFileSync(join(osDir, "parameters.list"), list);
  const request: VerifyRequest = {
    action: "verify",
    apiVersion: 20,
    debug: false,
    variant: undefined,
    osParameters,
    environment: {},
  };
  await verify(host, request, { osDir });
  return host.logged();
}

describe("verify", () => {
  it.each(["ext2", "ext3", "ext4", "xfs", "btrfs", ""])("takes filesystem=%s without a word", async (filesystem) => {
    expect(await check({ FILESYSTEM: filesystem })).toBe("");
  });

  it("takes no parameters at all", async () => {
    expect(await check({})).toBe("");
  });

  it.each(["ntfs", "ext", "ext4 ", "EXT4", "$(reboot)"])(
    "refuses filesystem=%s with what was expected",
    async (value) => {
      const failure = check({ FILESYSTEM: value });
      await expect(failure).rejects.toThrow(
        `OSP_FILESYSTEM=${JSON.stringify(value)} (OS parameter filesystem): expected ext2, ext3, ext4, xfs or btrfs`,
      );
      await expect(failure).rejects.toMatchObject({ exitCode: 1 });
    },
  );

  it("warns of a parameter that nobody declared, without its value", async () => {
    const logged = await check({ FILESYTEM: "sesame", FILESYSTEM: "ext4" });
    expect(logged).toContain("warning: OS parameter filesytem is not in parameters.list");
    expect(logged).not.toContain("sesame");
  });

  it("is silent about parameters that an administrator declared for hooks", async () => {
    expect(await check({ ROOT_PASSWORD: "sesame" }, "filesystem The type.\nroot-password For a hook.\n")).toBe("");
  });

  it("reports all problems at once, each with the form that is accepted", async () => {
    const failure = check({ FILESYSTEM: "ntfs", SUITE: "../x", EXTRA_PKGS: "vim;-x", PARTITION_STYLE: "mbr" });
    await expect(failure).rejects.toThrow(
      [
        'SUITE="../x" (OS parameter suite): expected the name of a release, for example trixie',
        'EXTRA_PKGS="vim;-x" (OS parameter extra_pkgs): expected names of packages, separated by commas, semicolons or blanks',
        'PARTITION_STYLE="mbr" (OS parameter partition_style): expected none, msdos or gpt',
        'OSP_FILESYSTEM="ntfs" (OS parameter filesystem): expected ext2, ext3, ext4, xfs or btrfs',
      ].join("\n"),
    );
  });

  it("takes lists with semicolons and newlines", async () => {
    expect(await check({ EXTRA_PKGS: "vim;less\nnano", COMPONENTS: "main;contrib" })).toBe("");
  });

  it("refuses parameters that do not go together, and looks at none that was not given", async () => {
    await expect(check({ BOOTLOADER: "extlinux", FILESYSTEM: "xfs" })).rejects.toThrow(
      "BOOTLOADER=extlinux cannot read xfs as mkfs makes it today: set BOOTLOADER=grub (BOOTLOADER: OS parameter bootloader; OSP_FILESYSTEM: OS parameter filesystem)",
    );
    expect(await check({ BOOTLOADER: "extlinux" })).toBe("");
  });

  it.each([
    ["MIRROR", "http://mirror.example.com/a%20b", "a value with % makes gnt-backup export fail"],
    ["EXTRA_PKGS", "vim\n less", "blanks at the beginning or end of a line"],
    ["EXTRA_PKGS", "vim\n;less", "begins with # or ;"],
    ["EXTRA_PKGS", "vim\r\nless", "control characters other than newlines"],
    ["EXTRA_PKGS", "vim\n", "newlines at both ends"],
  ])("refuses what Ganeti cannot keep: %s=%j", async (name, value, reason) => {
    await expect(check({ [name]: value })).rejects.toThrow(reason);
  });

  it("survives a hundred thousand characters, and does not repeat them", async () => {
    const failure = check({ EXTRA_PKGS: "x".repeat(110_000) });
    await expect(failure).rejects.toThrow(/^EXTRA_PKGS="x{150,200}\.\.\. .*: expected at most 100000 characters$/);
  });

  it("accepts or refuses whatever is given, in words of its own", async () => {
    const names = [...osParameters.map(({ variable }) => variable.slice("OSP_".length)), "UNKNOWN", "__PROTO__", ""];
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 40 }),
      fc.constantFrom("ext4", "none", "gpt", "grub", "extlinux", "sid", "vim;less", "%", "$(reboot)", "../..", "-x"),
    );
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.constantFrom(...names), text, { maxKeys: 9 }), async (osParameters) => {
        const error: unknown = await verifyQuietly(osParameters).catch((thrown: unknown) => thrown);
        if (error === undefined) return;
        expect(error).toBeInstanceOf(KnownError);
        for (const line of (error as KnownError).message.split("\n")) expect(line).toMatch(/^\P{Cc}+ \P{Cc}+$/u);
      }),
      { numRuns: 2000 },
    );
  });
});

/** Without a directory of its own: 2,000 of them take longer than what is tested. */
async function verifyQuietly(osParameters: Readonly<Record<string, string>>): Promise<void> {
  const host = { log: createLog({ write: () => undefined }) } as unknown as Host;
  const request = { action: "verify", apiVersion: 20, debug: false, variant: undefined, environment: {} } as const;
  await verify(host, { ...request, osParameters }, { osDir: "/nonexistent" });
}
