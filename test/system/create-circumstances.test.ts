import { execFileSync } from "node:child_process";
import { existsSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { seedCache } from "../fixtures/bootstrapped-cache.ts";
import { ganetiPath, installOs, instanceVariables } from "../fixtures/installed-os.ts";
import { leftovers } from "../fixtures/leftovers.ts";
import { diskFile, inGuest, loopOn, scarceDisk } from "../fixtures/loop-disk.ts";
import { fakeCommands, temporaryDirectory } from "../fixtures/test-host.ts";

const name = "host1.example.com";
const os = installOs();
seedCache(os.cacheDir);
let directory: string;
let before: ReturnType<typeof leftovers>;

beforeEach(() => {
  directory = temporaryDirectory();
  os.settings("");
  os.removeHooks();
  before = leftovers(os, directory);
});
afterEach(() => {
  expect(leftovers(os, directory)).toEqual(before);
});

test("DEBUG_LEVEL=1 shows the commands, and neither the log nor the guest gets to see a secret", async () => {
  const disk = diskFile(join(directory, "disk0"), 1024);
  os.settings("PROXY=http://user:s3cr3t-1@proxy.example.com:3128/\nexport SITE_TOKEN=s3cr3t-2\n");
  const secret = {
    DEBUG_LEVEL: "1",
    OSP_ROOT_HINT: "s3cr3t-3",
    https_proxy: "http://user:s3cr3t-4@proxy.example.com/",
  };
  const { status, stderr } = await os.run("create", { env: instanceVariables(name, [disk], secret) });
  expect(status, stderr).toBe(0);
  expect(stderr).toMatch(/^debug: run sfdisk /m);
  expect(stderr).not.toContain("s3cr3t");
  expect(inGuest(disk, "grep -rlF s3cr3t etc root var/lib var/log || true", 1024 * 1024)).toBe("");
});

test("a disk that another run works on is refused by whatever name, and that run goes on", async () => {
  const disk = diskFile(join(directory, "disk0"), 1024);
  const link = join(directory, "link");
  symlinkSync(disk, link);
  const [begun, go] = [join(directory, "begun"), join(directory, "go")];
  os.hook("wait", `#!/bin/sh\ntouch ${begun}\nwhile ! [ -e ${go} ]; do sleep 0.1; done\n`);
  const first = os.start("create", { env: instanceVariables(name, [disk]) });
  await expect.poll(() => existsSync(begun), { timeout: 60_000 }).toBe(true);
  const second = await os.run("create", { env: instanceVariables(name, [link]) });
  writeFileSync(go, "");
  expect(second.status).toBe(1);
  expect(second.stderr).toMatch(/error: .*another run is working on disk .*link\nerror: remedy: .*fuser/);
  const { status, stderr } = await first.done;
  expect(status, stderr).toBe(0);
  expect(inGuest(disk, "cat etc/hostname", 1024 * 1024)).toBe(name);
});

test("where no mount namespace can be had it says so, and leaves no mount", async () => {
  const disk = diskFile(join(directory, "disk0"), 1024);
  const { path } = fakeCommands({ unshare: 'case "$*" in *slave*) exit 1 ;; esac; exec /usr/bin/unshare "$@"' });
  const { status, stderr } = await os.run("create", { env: { ...instanceVariables(name, [disk]), PATH: path } });
  expect(status, stderr).toBe(0);
  expect(stderr).toMatch(/^warning: .*without a mount namespace/m);
});

const fillingHook = '#!/bin/sh\nhead -c 120M /dev/urandom >"$TARGET/usr/big"\n';

// What is written to the upper loop device lies in the page cache of the lower one until somebody flushes the disk; the
// filesystem that is being made does not. The image's last flush may still be under way and meet it first.
test.each(["none", "msdos"])("a disk that loses what it took is an error in the end (%s)", async (style) => {
  const disk = loopOn(loopOn(scarceDisk(join(directory, "full"), 340, 1024)));
  before = leftovers(os, directory);
  os.settings(`PARTITION_STYLE=${style}\nPARTITION_MAPPER=loop\n`);
  os.hook("big", fillingHook);
  const { status, stderr } = await os.run("create", { env: instanceVariables(name, [disk]) });
  expect(status, stderr).toBe(1);
  expect(stderr).toMatch(/^error: .*cannot write to \/dev\/loop\d+: EIO.* f(data)?sync/m);
  expect(stderr).toMatch(/^error: remedy: data that was reported as written is lost/m);
  expect(stderr).not.toMatch(/unexpected error/);
});

test.each(["none", "msdos"])("a file on a filesystem that gets full is an error that names it (%s)", async (style) => {
  const disk = scarceDisk(join(directory, "full"), 350, 1024);
  os.settings(`PARTITION_STYLE=${style}\nPARTITION_MAPPER=loop\n`);
  os.hook("big", fillingHook);
  const { status, stderr } = await os.run("create", { env: instanceVariables(name, [disk]) });
  expect(status, stderr).toBe(1);
  expect(stderr).toMatch(/^error: .*cannot write /m);
  expect(stderr).toContain(`the filesystem that holds disk ${disk} is full`);
  expect(stderr).toMatch(/^error: remedy: data that was reported as written is lost/m);
  expect(stderr).not.toMatch(/unexpected error/);
});

test.each(["2>&1 | true", ">&- 2>&-", ">/dev/full 2>&1"])(
  "a log that nobody takes (%s) stops nothing",
  (redirection) => {
    const disk = diskFile(join(directory, "disk0"), 1024);
    const variables = Object.entries(instanceVariables(name, [disk])).map(([key, value]) => `${key}=${value}`);
    execFileSync(
      "bash",
      [
        "-c",
        `set -o pipefail; cd "$1" && shift && env -i PATH=${ganetiPath} "$@" ./create <&- ${redirection}`,
        "bash",
        os.osDir,
        ...variables,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    expect(inGuest(disk, "cat etc/hostname", 1024 * 1024)).toBe(name);
  },
);

test("hooks may open /dev/stderr and /dev/stdout, with a daemon left that holds them", async () => {
  const disk = diskFile(join(directory, "disk0"), 1024);
  os.hook("words", "#!/bin/sh\nset -e\necho one >/dev/stderr\necho two | tee /dev/stdout\nsetsid sleep 1235 &\n");
  const { status, stderr } = await os.run("create", { env: instanceVariables(name, [disk]) });
  expect(status, stderr).toBe(0);
  expect(stderr).toMatch(/executing .*words\none\ntwo\n/);
});
