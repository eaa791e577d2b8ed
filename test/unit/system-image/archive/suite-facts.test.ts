import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { suiteFacts } from "../../../../src/system-image/archive/suite-facts.ts";
import { bootstrapMeans } from "../../../../src/system-image/archive/bootstrap-means.ts";
import { systemSpec } from "../../../../src/system-image/spec/system-spec.ts";
import { testConfig } from "../../../fixtures/config.ts";
import { fakeCommands, temporaryDirectory, testHost } from "../../../fixtures/test-host.ts";

/** A debootstrap that is older than today's releases. */
function oldDebootstrap(suite: string) {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, "scripts"));
  writeFileSync(
    join(directory, "scripts/gutsy"),
    "default_mirror http://mirror.example.com/ubuntu\nkeyring /keys/ubuntu\n",
  );
  writeFileSync(join(directory, "scripts/sid"), "keyring /keys/debian\n");
  writeFileSync(join(directory, "scripts/jammy"), "keyring /keys/own\n");
  const { path } = fakeCommands({ debootstrap: 'DEF_MIRROR="http://mirror.example.com/debian"' });
  // As debootstrap itself has the line: at its beginning.
  writeFileSync(
    join(path.split(":")[0] ?? "", "debootstrap"),
    '#!/bin/sh\nDEF_MIRROR="http://mirror.example.com/debian"\n',
  );
  const config = testConfig("/cache", { suite, exported: { DEBOOTSTRAP_DIR: directory } });
  const host = testHost({ path });
  return { directory, host, facts: () => suiteFacts(host, systemSpec(config, []), bootstrapMeans(config)) };
}

test("a suite that is newer than debootstrap gets the script of its family", async () => {
  const { directory, host, facts } = oldDebootstrap("noble");
  await expect(facts()).resolves.toEqual({
    mirror: "http://mirror.example.com/ubuntu",
    keyring: "/keys/ubuntu",
    script: join(directory, "scripts/gutsy"),
  });
  expect(host.logged()).toContain("debootstrap has no script for noble");
});

test("Debian's newer releases get sid's script, with debootstrap's own default mirror", async () => {
  const { directory, facts } = oldDebootstrap("forky");
  await expect(facts()).resolves.toEqual({
    mirror: "http://mirror.example.com/debian",
    keyring: "/keys/debian",
    script: join(directory, "scripts/sid"),
  });
});

test("a script of the suite's own is used where there is one", async () => {
  const { facts } = oldDebootstrap("jammy");
  await expect(facts()).resolves.toMatchObject({ keyring: "/keys/own", script: undefined });
});

test("a suite that nobody knows is refused", async () => {
  const { facts } = oldDebootstrap("trixi");
  await expect(facts()).rejects.toThrow("debootstrap has no script for the suite trixi");
});
