import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { create } from "../../../src/commands/create.ts";
import { parseRequest } from "../../../src/os-api/parse.ts";
import { testConfig } from "../../fixtures/config.ts";
import { testHost } from "../../fixtures/test-host.ts";

test.each([
  ["ext4", /missing on this node: .*losetup.*blkdiscard.*mke2fs.*sfdisk, mkswap$/],
  ["xfs", /missing on this node: .*losetup.*blkdiscard.*mkfs\.xfs, sfdisk, mkswap$/],
  ["btrfs", /missing on this node: .*losetup.*blkdiscard.*mkfs\.btrfs, sfdisk, mkswap$/],
] as const)("names all tools that are missing for %s before it looks at a disk", async (filesystem, message) => {
  const host = testHost({ path: "/nonexistent" });
  const request = parseRequest("create", ["-i", "host1", "-b", "/dev/nodisk", "-s", "/dev/noswap"], {});
  if (request.action !== "create") throw new Error("another request");
  const place = { osDir: "/", sysconfdir: "/etc", localstatedir: "/var" };
  const config = testConfig("/nonexistent/cache", { filesystem, partitionStyle: "msdos" });
  await expect(create(host, request, config, place)).rejects.toThrow(message);
  expect(existsSync(host.runDir)).toBe(false);
});
