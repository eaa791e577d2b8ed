import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { verify } from "../../../src/commands/verify.ts";
import type { VerifyRequest } from "../../../src/os-api/request.ts";
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
        `OS parameter filesystem: ${JSON.stringify(value)} is not valid; expected ext2, ext3, ext4, xfs or btrfs`,
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
});
