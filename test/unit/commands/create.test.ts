import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { create } from "../../../src/commands/create.ts";
import { messageOf } from "../../../src/host/errors.ts";
import { MissingToolsError } from "../../../src/host/process/tools.ts";
import { parseRequest } from "../../../src/os-api/parse.ts";
import { testConfig } from "../../fixtures/config.ts";
import { testHost } from "../../fixtures/test-host.ts";

test.each([
  ["ext4", ["sync", "losetup", "blkdiscard", "mke2fs", "sfdisk", "mkswap", "ssh-keygen"]],
  ["xfs", ["sync", "losetup", "blkdiscard", "mkfs.xfs", "sfdisk", "mkswap", "ssh-keygen"]],
  ["btrfs", ["sync", "losetup", "blkdiscard", "mkfs.btrfs", "sfdisk", "mkswap", "ssh-keygen"]],
] as const)("names all tools that are missing for %s before it looks at a disk", async (filesystem, tools) => {
  const host = testHost({ path: "/nonexistent" });
  const request = parseRequest("create", ["-i", "host1", "-b", "/dev/nodisk", "-s", "/dev/noswap"], {});
  if (request.action !== "create") throw new Error("another request");
  const place = { osDir: "/", sysconfdir: "/etc", localstatedir: "/var" };
  const config = testConfig("/nonexistent/cache", { filesystem, partitionStyle: "msdos" });
  const failure: unknown = await create(host, request, config, place).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(MissingToolsError);
  const named = messageOf(failure).replace("missing on this node: ", "").split(", ");
  expect(named).toEqual(expect.arrayContaining([...tools]));
  expect(existsSync(host.runDir)).toBe(false);
});
