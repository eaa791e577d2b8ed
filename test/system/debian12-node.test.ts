import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { seedCache } from "../fixtures/bootstrapped-cache.ts";
import { hasDebian12Archive, unpackDebian12Node } from "../fixtures/debian12-node.ts";
import { installOs, instanceVariables } from "../fixtures/installed-os.ts";
import { diskFile, inGuest } from "../fixtures/loop-disk.ts";
import { temporaryDirectory } from "../fixtures/test-host.ts";

const scripts = ["create", "import", "export", "rename", "verify"];

describe.runIf(hasDebian12Archive())("on Debian 12's nodejs 18.20 (needs bookworm in apt's sources)", () => {
  if (!hasDebian12Archive()) return;
  const node = unpackDebian12Node();
  afterAll(() => {
    node[Symbol.dispose]();
  });
  const os = installOs({ node: node.path });

  test("the executables show their usage", async () => {
    expect(node.version).toMatch(/^v18\.20\./);
    for (const script of scripts) {
      expect(readFileSync(join(os.osDir, script), "utf8")).toContain(`\nnode='${node.path}'\n`);
      const { status, stdout, stderr } = await os.run(script, { args: ["-h"] });
      expect({ script, status, stderr }).toEqual({ script, status: 0, stderr: "" });
      expect(stdout.toString()).toMatch(/usage/i);
    }
  });

  test("create makes a guest", async () => {
    seedCache(os.cacheDir);
    const disk = diskFile(join(temporaryDirectory(), "disk0"), 1024);
    const env = instanceVariables("node18.example.com", [disk]);
    const result = await os.run("create", { env });
    expect(result.status, result.stderr).toBe(0);
    expect(inGuest(disk, "cat etc/hostname", 1024 * 1024)).toBe("node18.example.com");
    expect(readdirSync(os.cacheDir)).toContainEqual(expect.stringMatching(/^cache-.*\.tar$/));
  });
});
