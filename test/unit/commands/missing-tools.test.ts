import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { exportDisk } from "../../../src/commands/export.ts";
import { importDisk } from "../../../src/commands/import.ts";
import { rename } from "../../../src/commands/rename.ts";
import type { OsRequest } from "../../../src/os-api/request.ts";
import { parseRequest } from "../../../src/os-api/parse.ts";
import { testConfig } from "../../fixtures/config.ts";
import { fakeCommands, testHost } from "../../fixtures/test-host.ts";

const config = testConfig("/nonexistent/cache");

// OS API 5: one disk, by arguments.
function request<A extends OsRequest["action"]>(action: A, ...argv: readonly string[]) {
  return parseRequest(action, argv, {}) as Extract<OsRequest, { readonly action: A }>;
}

test.each([
  ["export", (host) => exportDisk(host, request("export", "-i", "host1", "-b", "/dev/nodisk"), config)],
  [
    "import",
    (host) => importDisk(host, request("import", "-i", "host1", "-b", "/dev/nodisk", "-s", "/dev/noswap"), config),
  ],
  [
    "rename",
    (host) =>
      rename(host, request("rename", "-o", "host1", "-n", "host2", "-b", "/dev/nodisk", "-s", "/dev/noswap"), config),
  ],
] satisfies readonly (readonly [string, (host: ReturnType<typeof testHost>) => Promise<void>])[])(
  "%s names missing tools of coreutils, mount and util-linux before it looks at the disk",
  async (_, perform) => {
    const host = testHost({ path: fakeCommands({}).path.split(":")[0] ?? "" });
    const failure = perform(host);
    await expect(failure).rejects.toThrow(/^missing on this node: .*\bsync\b.*\bflock\b.*\bmount\b/);
    await expect(failure).rejects.toMatchObject({
      hint: expect.stringMatching(/coreutils .*util-linux .*mount/) as string,
    });
    expect(existsSync(host.runDir)).toBe(false);
  },
);
