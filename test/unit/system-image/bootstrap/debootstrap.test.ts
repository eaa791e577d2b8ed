import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { debootstrapArgv, runDebootstrap } from "../../../../src/system-image/bootstrap/debootstrap.ts";
import { readDebootstrapProgress } from "../../../../src/system-image/bootstrap/debootstrap-progress.ts";
import { bootstrapMeans, engineEnvironment } from "../../../../src/system-image/archive/bootstrap-means.ts";
import { systemSpec } from "../../../../src/system-image/spec/system-spec.ts";
import { mmdebstrapArgv, runMmdebstrap } from "../../../../src/system-image/bootstrap/mmdebstrap.ts";
import { createLog } from "../../../../src/host/log.ts";
import { testConfig } from "../../../fixtures/config.ts";
import { fakeCommands, temporaryDirectory, testHost } from "../../../fixtures/test-host.ts";

const mirror = "http://mirror.example.com/debian";
const config = testConfig("/cache", { suite: "trixie", arch: "amd64" });
const task = {
  spec: systemSpec(config, []),
  environment: {},
  stallTimeout: 600,
  directory: "/scratch/tree",
  mirror,
  keyring: "",
  checkSignatures: true,
  packages: [],
  script: undefined,
};

describe("the command line of debootstrap", () => {
  test("forces the check of signatures", () => {
    expect(debootstrapArgv(task)).toEqual([
      "debootstrap",
      "--debian-installer",
      "--arch=amd64",
      "--force-check-gpg",
      "trixie",
      "/scratch/tree",
      mirror,
    ]);
  });

  test("switches the check off only when told, and passes components, packages, keyring, options and script", () => {
    const chosen = { ...config, components: ["main", "contrib"], debootstrapOptions: ["--variant=minbase"] };
    expect(
      debootstrapArgv({
        ...task,
        spec: systemSpec(chosen, []),
        keyring: "/keys.gpg",
        packages: ["less", "vim"],
        script: "/scratch/script",
      }),
    ).toEqual([
      "debootstrap",
      "--debian-installer",
      "--arch=amd64",
      "--components=main,contrib",
      "--include=less,vim",
      "--keyring=/keys.gpg",
      "--force-check-gpg",
      "--variant=minbase",
      "trixie",
      "/scratch/tree",
      mirror,
      "/scratch/script",
    ]);
    expect(debootstrapArgv({ ...task, checkSignatures: false })).toContain("--no-check-gpg");
  });
});

test.each([
  ["/scratch", {}, "/scratch"],
  [undefined, {}, "none"],
  ["/scratch", { TMPDIR: "/srv/tmp" }, "/srv/tmp"],
])("mmdebstrap's temporary files go to %s, but settings that export %j win", async (temporary, exported, expected) => {
  // Without root there are no namespaces: the command that follows `--` is run.
  const unshare = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"';
  const fake = fakeCommands({ unshare, mmdebstrap: 'echo "in ${TMPDIR-none}"; exit 1' });
  const failure = runMmdebstrap(testHost({ path: fake.path }), {
    ...task,
    environment: { ...bootstrapMeans(testConfig("/cache", { exported })).environment },
    temporary,
  });
  await expect(failure).rejects.toThrow(`in ${expected}`);
});

describe("the command line of mmdebstrap", () => {
  test("has one apt line, so that no suite is added", () => {
    expect(mmdebstrapArgv(task).at(-1)).toBe(`deb ${mirror} trixie main`);
  });

  test("has packages of a local mirror copied into the tree, trusted only when signatures are not to be checked", () => {
    const local = { ...task, mirror: "file:///scratch/mirror", checkSignatures: false };
    expect(mmdebstrapArgv(local).at(-1)).toBe("deb [trusted=yes] copy:///scratch/mirror trixie main");
  });
});

test("an engine inherits proxies and what the settings files export, and no parameter of the instance", () => {
  const environment = { http_proxy: "http://old.example.com/", no_proxy: "localhost", OSP_ROOT_PASSWORD: "secret" };
  const proxy = "http://proxy.example.com:3128/";
  expect(engineEnvironment({}, bootstrapMeans({ ...config, environment, exported: { SITE: "x" }, proxy }))).toEqual({
    http_proxy: proxy,
    https_proxy: proxy,
    ftp_proxy: proxy,
    no_proxy: "localhost",
    SITE: "x",
  });
});

test("a phase is logged with its seconds when the next begins, and errors are kept with their arguments", () => {
  let text = "";
  let clock = 0;
  const log = createLog({ terminal: true, write: (chunk) => (text += chunk) });
  const progress = readDebootstrapProgress(log, () => clock);
  const lines = [
    "P: 0 200 DOWNDEBS",
    "PF: Downloading packages",
    "P: 100 200 DOWNDEBS",
    "PF: Downloading packages",
    "P: 1 7 INSTCORE",
    "PF: Installing core packages",
    "E: COULDNTDL",
    "EA: less",
    "EF: Couldn't download %s",
  ];
  for (const line of lines) {
    clock += 500;
    progress.line(line);
  }
  progress.end();
  expect(text).toContain("Downloading packages: 50 %");
  expect(text).toContain("info:   Downloading packages (2.0 s)\n");
  expect(text).toContain("info:   Installing core packages (1.5 s)\n");
  expect(progress.complaints).toEqual(["Couldn't download less"]);
});

test("a failure tells debootstrap's reason, the end of its log and the command", async () => {
  const fake = fakeCommands({
    debootstrap: `echo "dpkg: error processing less"; printf 'E: NOPE\\nEA: less\\nEF: Cannot install %%s\\n' >&3; exit 1`,
  });
  const host = testHost({ path: fake.path });
  const log = join(temporaryDirectory(), "log");
  await expect(runDebootstrap(host, { ...task, log })).rejects.toMatchObject({
    message: expect.stringMatching(
      /^debootstrap failed: Cannot install less\nthe end of its log:\n {4}dpkg: error processing less\nthe command was: .*--force-check-gpg trixie/,
    ) as string,
  });
});
