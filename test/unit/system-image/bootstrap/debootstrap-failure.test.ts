import { join } from "node:path";
import { expect, test } from "vitest";
import { describe } from "../../../../src/host/report.ts";
import { runDebootstrap } from "../../../../src/system-image/bootstrap/debootstrap.ts";
import { suiteFacts } from "../../../../src/system-image/archive/suite-facts.ts";
import { systemSpec } from "../../../../src/system-image/spec/system-spec.ts";
import { testConfig } from "../../../fixtures/config.ts";
import { fakeCommands, temporaryDirectory, testHost } from "../../../fixtures/test-host.ts";

// Without root there are no namespaces: the command that follows `--` is run.
const unshare = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"';

test.each([
  ["Failed getting release file %s", /MIRROR, PROXY and SUITE/],
  ["Invalid Release file, no entry for %s/binary-x/Packages", /check ARCH/],
  ["Unable to execute target architecture%s", /qemu-user-static/],
  ["Release signed by unknown key (key id %s)", /check KEYRING/],
  ["Couldn't find these debs: %s", /check EXTRA_PKGS/],
  ["Something nobody thought of: %s", /DEBUG_LEVEL=1/],
  ["unrecognized or invalid option %s", /check DEBOOTSTRAP_OPTS/],
  ["Asked to install suite %s, but got stable (codename: trixie) from mirror", /check SUITE and MIRROR/],
])("debootstrap's '%s' is said with its remedy, and without the shell around it", async (message, remedy) => {
  const fake = fakeCommands({
    unshare,
    debootstrap: `printf 'E: CODE\\nEA: main\\nEF: ${message.replace("'", "'\\''").replace("%s", "%%s")}\\n' >&3; exit 1`,
  });
  const task = {
    spec: systemSpec(testConfig("/cache"), []),
    environment: {},
    stallTimeout: 600,
    directory: "/scratch/tree",
    log: join(temporaryDirectory(), "log"),
    mirror: "http://mirror.example.com/debian",
    keyring: "",
    checkSignatures: true,
    packages: [],
    script: undefined,
  };
  const failure = runDebootstrap(testHost({ path: fake.path }), task);
  await expect(failure).rejects.toMatchObject({
    message: expect.stringContaining(message.replace("%s", "main")) as string,
    hint: expect.stringMatching(remedy) as string,
  });
  await expect(failure.catch(describe)).resolves.not.toContain("sh -c");
});

test("a suite that debootstrap does not know is said in one line with its remedy", async (context) => {
  const facts = (suite: string) => suiteFacts(host, { suite, arch: "amd64" }, { environment: {} });
  const host = testHost();
  context.skip((await facts("trixie").catch(() => undefined)) === undefined, "needs debootstrap");
  await expect(facts("trixi")).rejects.toMatchObject({
    message: "debootstrap has no script for the suite trixi",
    hint: expect.stringContaining("check SUITE") as string,
  });
  await expect(facts("trixi").catch(describe)).resolves.not.toContain("sh -c");
});
