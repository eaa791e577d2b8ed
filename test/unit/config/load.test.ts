import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadConfig, type SettingsRequest } from "../../../src/config/load.ts";
import { ConfigError } from "../../../src/config/problems.ts";
import { KnownError } from "../../../src/host/errors.ts";
import { settingsTree, type SettingsTree, type SettingsTreeContent } from "../../fixtures/settings-tree.ts";
import { fakeCommands, testHost } from "../../fixtures/test-host.ts";

const path = "/usr/sbin:/usr/bin:/sbin:/bin";

function request(changes: Partial<SettingsRequest> = {}): SettingsRequest {
  const { environment, ...rest } = changes;
  return {
    action: "create",
    apiVersion: 20,
    variant: undefined,
    environment: { PATH: path, INSTANCE_NAME: "guest1.example.com", OS_API_VERSION: "20", ...environment },
    ...rest,
  };
}

interface Load extends SettingsTreeContent {
  readonly environment?: Readonly<Record<string, string>>;
  readonly variant?: string;
  readonly tree?: SettingsTree;
  readonly timeoutSeconds?: number;
}

async function load({ environment = {}, variant, tree, timeoutSeconds = 20, ...content }: Load) {
  const host = testHost();
  const place = tree ?? settingsTree(content);
  const config = await loadConfig(host, request({ environment, variant }), place, { timeoutSeconds });
  return { config, logged: host.logged(), place };
}

async function problemsOf(task: Load): Promise<readonly string[]> {
  const error: unknown = await load(task).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ConfigError);
  return (error as ConfigError).problems;
}

describe("without a settings file", () => {
  it("has the built-in values", async () => {
    const { config, place } = await load({ environment: { ARCH: "i386" } });
    expect(config).toMatchObject({
      suite: "trixie",
      arch: "i386",
      mirror: "",
      proxy: "",
      extraPackages: [],
      components: [],
      customizeDir: `${place.sysconfdir}/ganeti/instance-debootstrap/hooks`,
      variantsDir: place.variantsDir,
      cacheDir: `${place.localstatedir}/cache/ganeti-instance-debootstrap`,
      generateCache: true,
      cleanCacheDays: 14,
      partitionStyle: "msdos",
      partitionAlignment: 2048,
      partitionMapper: "auto",
      filesystem: "ext4",
      bootstrap: "debootstrap",
      bootloader: "none",
      checkSignatures: true,
      variant: undefined,
      exported: {},
    });
    expect(config.origins).toMatchObject({ SUITE: { kind: "default" }, ARCH: { kind: "environment" } });
  });

  it("partitions by default for every API version but 5", async () => {
    for (const [apiVersion, style] of [
      [5, "none"],
      [10, "msdos"],
      [15, "msdos"],
      [20, "msdos"],
    ] as const) {
      const config = await loadConfig(testHost(), request({ apiVersion }), settingsTree());
      expect(config.partitionStyle).toBe(style);
    }
  });

  it("is the same as with an empty one, and as with one that is masked by a link to /dev/null", async () => {
    const masked = settingsTree();
    symlinkSync("/dev/null", masked.defaultsFile);
    const results = [await load({}), await load({ defaults: "" }), await load({ tree: masked })];
    expect(new Set(results.map(({ config }) => config.suite))).toEqual(new Set(["trixie"]));
  });

  it("takes the architecture from dpkg", async () => {
    const { path: fakes } = fakeCommands({ dpkg: "echo riscv64" });
    const config = await loadConfig(testHost({ path: fakes }), request(), settingsTree());
    expect(config.arch).toBe("riscv64");
  });

  it("takes the architecture from the kernel where there is no dpkg", async () => {
    const { path: fakes } = fakeCommands({ dpkg: "exit 127" });
    const config = await loadConfig(testHost({ path: fakes }), request(), settingsTree());
    expect(config.arch).toMatch(/^(amd64|arm64|i386|armhf|riscv64|ppc64el|s390x)$/);
  });
});

describe("the order of precedence", () => {
  it("lets each later place win: environment, defaults file, variant", async () => {
    const { config, place } = await load({
      environment: { SUITE: "env", MIRROR: "http://env.example.com/", PROXY: "http://env.example.com:1" },
      defaults: "MIRROR=http://file.example.com/\nPROXY=http://file.example.com:1\n",
      variants: { v: "PROXY=http://variant.example.com:1\n" },
      variant: "v",
    });
    expect([config.suite, config.mirror, config.proxy]).toEqual([
      "env",
      "http://file.example.com/",
      "http://variant.example.com:1",
    ]);
    expect([config.origins["SUITE"], config.origins["MIRROR"], config.origins["PROXY"]]).toEqual([
      { kind: "environment" },
      { kind: "file", path: place.defaultsFile },
      { kind: "file", path: join(place.variantsDir, "v.conf") },
    ]);
  });

  it("counts a variant's return to a built-in value as the variant's, and what it leaves alone not", async () => {
    const { config, place } = await load({
      defaults: "BOOTSTRAP=mmdebstrap\n",
      variants: { v: "BOOTSTRAP=\nSUITE=\n" },
      variant: "v",
    });
    expect([config.bootstrap, config.origins["BOOTSTRAP"]]).toEqual([
      "debootstrap",
      { kind: "file", path: join(place.variantsDir, "v.conf") },
    ]);
    expect(config.origins["SUITE"]).toEqual({ kind: "default" });
  });

  it("lets what was given for the instance win over both files, whose values are the node's defaults", async () => {
    const files = { defaults: "OSP_FILESYSTEM=ext3\n", variants: { v: "OSP_FILESYSTEM=xfs\n" } };
    const ofNode = [await load({ defaults: files.defaults }), await load({ ...files, variant: "v" })];
    expect(ofNode.map(({ config }) => config.filesystem)).toEqual(["ext3", "xfs"]);
    const { config } = await load({ ...files, variant: "v", environment: { OSP_FILESYSTEM: "ext2" } });
    expect([config.filesystem, config.origins["OSP_FILESYSTEM"]]).toEqual([
      "ext2",
      { kind: "os-parameter", name: "filesystem" },
    ]);
  });

  it("sets the setting of an OS parameter, whatever the setting's name", async () => {
    const { config } = await load({
      environment: { OSP_SUITE: "noble", OSP_EXTRA_PKGS: "vim;less", OSP_PARTITION_STYLE: "gpt", SUITE: "sid" },
      defaults: "SUITE=bookworm\nEXTRA_PKGS=nano\nALLOWED_PARAMETERS='harmless suite extra_pkgs'\n",
    });
    expect([config.suite, config.extraPackages, config.partitionStyle]).toEqual(["noble", ["vim", "less"], "gpt"]);
    expect(config.origins["SUITE"]).toEqual({ kind: "os-parameter", name: "suite" });
    expect(config.settings).toMatchObject({ SUITE: "noble", EXTRA_PKGS: "vim;less" });
  });

  it("shows files what was given, and hooks the values in force", async () => {
    const { config } = await load({
      environment: { OSP_FILESYSTEM: "ext2", OSP_BOOTLOADER: "auto" },
      defaults: 'COMPONENTS="was-$OSP_FILESYSTEM"\nOSP_FILESYSTEM=xfs\nexport BOOTLOADER=grub\nunset OSP_BOOTLOADER\n',
    });
    expect(config.components).toEqual(["was-ext2"]);
    expect(config.environment).toMatchObject({ OSP_FILESYSTEM: "ext2", BOOTLOADER: "auto", OSP_BOOTLOADER: "auto" });
    expect(config.exported).toEqual({ BOOTLOADER: "auto" });
    expect(config.settings).toMatchObject({ OSP_FILESYSTEM: "ext2", BOOTLOADER: "auto" });
  });

  it("takes an empty OS parameter for one that was not given", async () => {
    const { config } = await load({ environment: { OSP_SUITE: "", OSP_FILESYSTEM: "" }, defaults: "SUITE=sid\n" });
    expect([config.suite, config.filesystem]).toEqual(["sid", "ext4"]);
  });

  it("has an instance backed up and renamed whatever was once given for it", async () => {
    const environment = { OSP_SUITE: "../x", OSP_FILESYSTEM: "reiserfs", OSP_MIRROR: "http://x.example.com/%20" };
    for (const action of ["export", "rename"]) {
      const config = await loadConfig(testHost(), { ...request({ environment }), action }, settingsTree());
      expect([config.suite, config.filesystem]).toEqual(["trixie", "ext4"]);
    }
  });

  it("lets a file keep what the environment says, as ': ${X:=y}' does", async () => {
    const { config } = await load({
      environment: { SUITE: "noble" },
      defaults: ': "${SUITE:=sid}" "${COMPONENTS:=main}"\n',
    });
    expect([config.suite, config.components]).toEqual(["noble", ["main"]]);
  });

  it("shows a variant the values in force, built-in ones included", async () => {
    const { config } = await load({
      defaults: "EXTRA_PKGS=vim\n",
      variants: { v: 'EXTRA_PKGS="$EXTRA_PKGS,$SUITE-tools"\nCACHE_DIR=$CACHE_DIR/v\n' },
      variant: "v",
    });
    expect(config.extraPackages).toEqual(["vim", "trixie-tools"]);
    expect(config.cacheDir).toMatch(/\/var\/cache\/ganeti-instance-debootstrap\/v$/);
  });

  it("lets a variant use functions and variables of the defaults file, also when that has left by exit", async () => {
    const { config } = await load({
      defaults: 'base=http://mirror.example.com\nurl() { echo "$base/$1"; }\nexit 0\n',
      variants: { v: "MIRROR=$(url debian)\n" },
      variant: "v",
    });
    expect(config.mirror).toBe("http://mirror.example.com/debian");
  });
});

describe("empty and unset", () => {
  it("takes an empty value of the environment or the defaults file for unset", async () => {
    const { config } = await load({
      environment: { MIRROR: "", OSP_FILESYSTEM: "" },
      defaults: 'SUITE=""\nCACHE_DIR=\nGENERATE_CACHE=\n',
    });
    expect([config.suite, config.filesystem, config.generateCache]).toEqual(["trixie", "ext4", true]);
    expect(config.cacheDir).toMatch(/cache\/ganeti-instance-debootstrap$/);
    expect(config.origins["SUITE"]).toEqual({ kind: "default" });
  });

  it("never cleans the cache when CLEAN_CACHE is empty, in either file", async () => {
    expect((await load({ defaults: 'CLEAN_CACHE=""\n' })).config.cleanCacheDays).toBeUndefined();
    const variant = await load({ variants: { v: "CLEAN_CACHE=\n" }, variant: "v" });
    expect(variant.config.cleanCacheDays).toBeUndefined();
    expect((await load({ defaults: "unset CLEAN_CACHE\n" })).config.cleanCacheDays).toBe(14);
  });

  it("runs no hooks when a variant empties CUSTOMIZE_DIR, and keeps no cache when it empties GENERATE_CACHE", async () => {
    const { config } = await load({ variants: { v: "CUSTOMIZE_DIR=\nGENERATE_CACHE=\n" }, variant: "v" });
    expect([config.customizeDir, config.generateCache]).toEqual(["", false]);
  });

  it("lets a variant take back what the defaults file sets, by an empty value or unset", async () => {
    const { config } = await load({
      defaults: "PROXY=http://proxy.example.com:3128\nSUITE=sid\nCOMPONENTS=main\n",
      variants: { v: "PROXY=\nSUITE=\nunset COMPONENTS\n" },
      variant: "v",
    });
    expect([config.proxy, config.suite, config.components]).toEqual(["", "trixie", []]);
  });
});

describe("a settings file that is a program", () => {
  const settled = "SUITE=bookworm\n";
  it.each([
    ["prints on stdout and stderr", `${settled}echo out; printf 'a\\0b'; echo err >&2\n`],
    ["leaves by exit", `${settled}exit\nSUITE=late\n`],
    ["leaves by exit 0 within a condition", `${settled}if true; then exit 0; fi\nSUITE=late\n`],
    ["leaves by builtin exit", `${settled}builtin exit 0\n`],
    ["leaves by exit in a function", `${settled}leave() { exit 0; }\nleave\n`],
    ["leaves by exit under POSIX mode", `${settled}set -o posix\nexit 0\n`],
    ["leaves by return", `${settled}return 0\nSUITE=late\n`],
    ["leaves by return 1", `${settled}return 1\nSUITE=late\n`],
    ["ends in a condition that is false", `${settled}[ -e /nonexistent ] && MIRROR=http://late.example.com/\n`],
    ["exits in a subshell only", `SUITE=early\n(exit 3) || true\nx=$(exit 4) || true\n${settled}`],
    ["sets -e, -u, -x, -f and pipefail", `set -eufx -o pipefail\n${settled}`],
    ["has a trap of its own for EXIT", `trap 'echo bye' EXIT\n${settled}`],
    ["has a trap of its own for EXIT and exits", `trap 'echo bye' EXIT\n${settled}exit 0\n`],
    ["takes the EXIT trap away and exits", `trap - EXIT\n${settled}exit 0\n`],
    ["has traps for DEBUG, ERR and RETURN", `trap 'echo debug' DEBUG\ntrap 'echo err' ERR RETURN\n${settled}`],
    [
      "has functions named like builtins",
      `${settled}printf() { :; }\nset() { :; }\nbuiltin() { :; }\nunset() { :; }\ntrap() { :; }\nlocal() { :; }\nreturn() { :; }\n`,
    ],
    ["has a function named exit", `${settled}exit() { :; }\n`],
    ["declares its settings", "declare -r SUITE=bookworm\n"],
    ["exports its settings", "export SUITE=bookworm\n"],
    ["exports everything", `set -a\n${settled}`],
    ["changes IFS, PATH and the directory", `IFS=,:\nPATH=/nonexistent\ncd /\n${settled}`],
    ["closes its descriptors", `${settled}exec 1>&- 2>&-\n`],
    ["sends its output elsewhere", `${settled}exec >/dev/null 2>&1\n`],
    ["reads stdin, which is empty", `read -r line || true\ncat\n${settled}`],
    ["leaves a process behind", `sleep 300 &\nsetsid sleep 300 &\n${settled}`],
    ["evaluates another file", `. <(echo SUITE=bookworm)\n`],
    ["has DOS-like blank lines and comments", `\n# SUITE=sid\n\n${settled}\n\n`],
  ])("counts when it %s", async (_, defaults) => {
    const { config } = await load({ defaults });
    expect(config.suite).toBe("bookworm");
    const variant = await load({ variants: { v: defaults }, variant: "v" });
    expect(variant.config.suite).toBe("bookworm");
  });

  it("sees Ganeti's environment, the OS directory as its own, and the name of the script", async () => {
    const seen = await load({
      defaults: 'COMPONENTS="$INSTANCE_NAME $(basename "$0") n$# $([ -e variants.list ] && echo here)"\n',
    });
    expect(seen.config.components).toEqual(["guest1.example.com", "create", "n0", "here"]);
  });

  it("logs what it prints and keeps it out of the values", async () => {
    const { logged } = await load({ defaults: "echo chatter\necho complaint >&2\n" });
    expect(logged).toContain("chatter");
    expect(logged).toContain("complaint");
  });

  it("keeps values with newlines, quotes, dollars and other languages' letters as they are", async () => {
    const { config } = await load({ defaults: "DEBOOTSTRAP_OPTS=$'\"a\\nb\" \\'$x\\' \\\\$y größe'\n" });
    expect(config.debootstrapOptions).toEqual(["a\nb", "$x", "$y", "größe"]);
  });
});

describe("what settings files export", () => {
  it("comes back apart from the settings, by the last file that exported it", async () => {
    const { config } = await load({
      defaults: "export FOO=1 BAR=1\nHIDDEN=1\n",
      variants: { v: "FOO=2\n" },
      variant: "v",
    });
    expect(config.exported).toEqual({ FOO: "2", BAR: "1" });
    expect(config.environment).toMatchObject({ FOO: "2", INSTANCE_NAME: "guest1.example.com", PATH: path });
  });

  it("has what was changed, and lacks what was unset", async () => {
    const { config } = await load({
      environment: { http_proxy: "http://old.example.com", KEEP: "1", GO: "1" },
      defaults: "http_proxy=http://new.example.com\nunset GO\n",
    });
    expect(config.exported).toEqual({ http_proxy: "http://new.example.com" });
    expect(config.environment).toEqual({
      PATH: path,
      INSTANCE_NAME: "guest1.example.com",
      OS_API_VERSION: "20",
      KEEP: "1",
      http_proxy: "http://new.example.com",
    });
  });

  it("holds nothing of the shell itself", async () => {
    const host = testHost();
    const bare: SettingsRequest = { ...request(), environment: {} };
    const config = await loadConfig(host, bare, settingsTree({ defaults: "set -a\n" }));
    expect(config.environment).toEqual({});
  });

  it("does not take functions or a startup file from the environment", async () => {
    const { config } = await load({
      environment: { BASH_ENV: "/nonexistent/startup", "BASH_FUNC_dpkg%%": "() { echo hacked; }" },
      defaults: 'MIRROR="http://$(type -t dpkg)/"\n',
    });
    expect(config.mirror).toBe("http://file/");
  });
});

describe("a settings file that fails", () => {
  it.each([
    ["an error of syntax", "SUITE=sid\nif [ ; then fi\n", /line 2: syntax error near unexpected token/],
    ["a quote that is left open", 'SUITE="sid\n\n', /line [123]: unexpected EOF/],
    ["a command that does not exist", "\nnonexistent-command x\n", /line 2: nonexistent-command: command not found/],
    [
      "a command that fails silently",
      "SUITE=sid\n\nfalse\nSUITE=late\n",
      /line 3: a command failed with exit status 1/,
    ],
    ["a command substitution that fails", "SUITE=$(exit 4)\n", /line 1: a command failed with exit status 4/],
    ["an unset variable under set -u", "set -u\nSUITE=$NOWHERE\n", /line 2: NOWHERE: unbound variable/],
    ["an exit status of its own", "echo no such thing >&2\nexit 3\n", /ended the shell with exit status 3/],
  ])("is named with its line for %s", async (_, text, message) => {
    const inDefaults = settingsTree({ defaults: text });
    const [problem, ...others] = await problemsOf({ tree: inDefaults });
    expect(problem).toMatch(message);
    expect(problem).toContain(inDefaults.defaultsFile);
    expect(others).toEqual([]);
    const inVariant = settingsTree({ variants: { v: text } });
    const [variantProblem] = await problemsOf({ tree: inVariant, variant: "v" });
    expect(variantProblem).toMatch(message);
    expect(variantProblem).toContain(join(inVariant.variantsDir, "v.conf"));
  });

  it.each(["exec true\n", "set -n\n"])("is named when it ends the shell by %j", async (text) => {
    const tree = settingsTree({ defaults: text });
    const failure = load({ tree });
    await expect(failure).rejects.toThrow(KnownError);
    await expect(failure).rejects.toThrow(tree.defaultsFile);
  });

  it("cannot hang us", async () => {
    const tree = settingsTree({ defaults: "sleep 3600\n" });
    await expect(load({ tree, timeoutSeconds: 0.5 })).rejects.toThrow(/did not end within 0.5 s/);
  });

  it("does not hide that of the variant", async () => {
    const problems = await problemsOf({ defaults: "false\n", variants: { v: "if\n" }, variant: "v" });
    expect(problems).toHaveLength(2);
  });

  it("is named when it is a directory", async () => {
    const tree = settingsTree();
    mkdirSync(tree.defaultsFile);
    expect(await problemsOf({ tree })).toEqual([`${tree.defaultsFile} is not a regular file`]);
  });
});

describe("wrong values", () => {
  it("are reported together, each with its place, its line and what was expected", async () => {
    const tree = settingsTree({
      defaults: "# SUITE=sid\nSUITE='a b'\nPARTITION_STYLE=mbr\nCLEAN_CACHE=soon\n",
      variants: { v: "\nexport OSP_FILESYSTEM=ntfs\n" },
    });
    const problems = await problemsOf({ tree, variant: "v", environment: { PARTITION_MAPPER: "x" } });
    expect(problems).toEqual([
      `SUITE="a b" (${tree.defaultsFile} line 2): expected the name of a release, for example trixie`,
      `CLEAN_CACHE="soon" (${tree.defaultsFile} line 4): expected a number of days, or empty`,
      `PARTITION_STYLE="mbr" (${tree.defaultsFile} line 3): expected none, msdos or gpt`,
      `PARTITION_MAPPER="x" (environment): expected auto, kpartx or loop`,
      `OSP_FILESYSTEM="ntfs" (${join(tree.variantsDir, "v.conf")} line 2): expected ext2, ext3, ext4, xfs or btrfs`,
    ]);
  });

  it("of an OS parameter are named as such", async () => {
    const problems = await problemsOf({ environment: { OSP_FILESYSTEM: "reiserfs" } });
    expect(problems).toEqual([
      `OSP_FILESYSTEM="reiserfs" (OS parameter filesystem): expected ext2, ext3, ext4, xfs or btrfs`,
    ]);
  });

  it.each([
    ["SUITE", "../x"],
    ["SUITE", "-x"],
    ["ARCH", "amd/64"],
    ["MIRROR", "mirror.example.com/debian"],
    ["MIRROR", "--foo"],
    ["PROXY", "http://proxy.example.com:3128 x"],
    ["EXTRA_PKGS", "vim,--no-check-gpg"],
    ["COMPONENTS", "main,-x"],
    ["CUSTOMIZE_DIR", "hooks"],
    ["CACHE_DIR", "relative/cache"],
    ["CLEAN_CACHE", "-1"],
    ["PARTITION_ALIGNMENT", "0"],
    ["PARTITION_ALIGNMENT", "1MiB"],
    ["PARTITION_STYLE", "GPT"],
    ["BOOTSTRAP", "multistrap"],
    ["DEBOOTSTRAP_OPTS", "'open"],
    ["KEYRING", "keyring.gpg"],
    ["CHECK_SIGNATURES", "false"],
    ["IMAGE_CACHE", "1"],
    ["BOOTLOADER", "lilo"],
    ["KERNEL", "linux image"],
    ["EXPORT_COMPRESSION", "xz"],
    ["EXPORT_FORMAT", "cpio"],
    ["IMPORT_NEW_UUIDS", "true"],
    ["DEBS_CACHE_SIZE", "-5"],
    ["SCRATCH_DIR", "tmp"],
  ])("are refused: %s=%s", async (name, value) => {
    const problems = await problemsOf({ environment: { [name]: value } });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`${name}=`);
  });
});

describe("ALLOWED_PARAMETERS", () => {
  it("lets by default be given what does not change where software comes from", async () => {
    const harmless = { OSP_FILESYSTEM: "ext3", OSP_PARTITION_STYLE: "none", OSP_BOOTLOADER: "none" };
    expect((await load({ environment: harmless })).config.filesystem).toBe("ext3");
    const more = {
      OSP_SUITE: "sid",
      OSP_MIRROR: "http://x.example.com/",
      OSP_COMPONENTS: "main",
      OSP_EXTRA_PKGS: "vim",
    };
    const tree = settingsTree();
    const problems = await problemsOf({ tree, environment: { ...harmless, ...more, OSP_KERNEL: "none" } });
    expect(problems.map((problem) => /^OS parameter (\w+) is not allowed here/.exec(problem)?.[1])).toEqual([
      ...["mirror", "suite", "extra_pkgs", "components", "kernel"],
    ]);
    expect(problems[1]).toBe(
      "OS parameter suite is not allowed here; allowed are harmless (ALLOWED_PARAMETERS, built-in): " +
        `leave it out, or set ALLOWED_PARAMETERS="harmless suite" in ${tree.defaultsFile}`,
    );
  });

  it("names what may be given, one by one or all; empty means none", async () => {
    const environment = { OSP_SUITE: "sid" };
    for (const allowed of ["suite", "filesystem,suite", "all"]) {
      expect((await load({ environment, defaults: `ALLOWED_PARAMETERS='${allowed}'\n` })).config.suite).toBe("sid");
    }
    const none = { environment: { OSP_FILESYSTEM: "ext3" }, defaults: "ALLOWED_PARAMETERS=\n" };
    expect(await problemsOf(none)).toEqual([expect.stringContaining("OS parameter filesystem is not allowed here")]);
    expect(
      await problemsOf({ environment: { OSP_FILESYSTEM: "ext3" }, defaults: "ALLOWED_PARAMETERS=suite\n" }),
    ).toEqual([expect.stringMatching(/allowed are suite \(ALLOWED_PARAMETERS, .* line 1\)/)]);
  });

  it("does not name what is no OS parameter", async () => {
    expect(await problemsOf({ defaults: "ALLOWED_PARAMETERS='suite sweet'\n" })).toEqual([
      expect.stringContaining("ALLOWED_PARAMETERS has unknown names: sweet; the known names are harmless, all, "),
    ]);
  });

  it("does not concern parameters of the administrator's own", async () => {
    const environment = { OSP_ROOT_PASSWORD: "sesame" };
    expect((await load({ environment, defaults: "ALLOWED_PARAMETERS=\n" })).config.environment).toMatchObject(
      environment,
    );
  });
});

describe("settings that are right by themselves", () => {
  it.each([
    ["BOOTLOADER=grub\nPARTITION_STYLE=none\n", "BOOTLOADER=grub needs a partition table"],
    ["BOOTLOADER=extlinux\nKERNEL=none\n", "has nothing to start with KERNEL=none"],
    ["BOOTLOADER=extlinux\nPARTITION_STYLE=gpt\n", "is installed on msdos disks only"],
    ["BOOTLOADER=extlinux\nOSP_FILESYSTEM=btrfs\n", "cannot read btrfs"],
    ["BOOTLOADER=extlinux\nARCH=arm64\n", "does not exist for ARCH=arm64"],
    ["EXTRA_PKGS=hello\nDEBOOTSTRAP_OPTS=--include=less\n", "move its packages to EXTRA_PKGS"],
    ["BOOTLOADER=grub\nDEBOOTSTRAP_OPTS='--include less'\n", "move its packages to EXTRA_PKGS"],
    ["COMPONENTS=main,contrib\nDEBOOTSTRAP_OPTS=--components=main\n", "name all components in COMPONENTS"],
    ["ARCH=amd64\nDEBOOTSTRAP_OPTS=--arch=i386\n", "DEBOOTSTRAP_OPTS has --arch=i386, but ARCH is amd64"],
    ["DEBOOTSTRAP_OPTS=--print-debs\n", "debootstrap would not install a system"],
  ])("are refused together, with their places: %j", async (defaults, words) => {
    const tree = settingsTree({ defaults });
    const problems = await problemsOf({ tree });
    expect(problems).toEqual([expect.stringContaining(words)]);
    expect(problems[0]).toContain(`${tree.defaultsFile} line 1`);
  });

  it.each([
    "DEBOOTSTRAP_OPTS=--include=less\n",
    "BOOTSTRAP=mmdebstrap\nEXTRA_PKGS=hello\nDEBOOTSTRAP_OPTS=--include=less\n",
    "ARCH=amd64\nDEBOOTSTRAP_OPTS='--arch amd64 --variant=minbase'\n",
    "BOOTLOADER=auto\nPARTITION_STYLE=none\n",
  ])("are taken where they go together: %j", async (defaults) => {
    await expect(load({ defaults })).resolves.toBeDefined();
  });

  it("concern only the scripts that use all of them", async () => {
    const tree = settingsTree({ defaults: "BOOTLOADER=grub\nPARTITION_STYLE=none\n" });
    for (const action of ["export", "import", "rename"]) {
      await expect(loadConfig(testHost(), { ...request(), action }, tree)).resolves.toBeDefined();
    }
  });
});

describe("good values", () => {
  it("come in the types of the program", async () => {
    const { config } = await load({
      defaults: [
        'EXTRA_PKGS="acpi-support-base,console-tools, udev"',
        'COMPONENTS="main contrib,non-free"',
        "GENERATE_CACHE=never",
        "CLEAN_CACHE=3",
        "PARTITION_STYLE=gpt",
        "PARTITION_ALIGNMENT=4096",
        `DEBOOTSTRAP_OPTS="--variant=minbase --aptopt='A \\"b\\"'"`,
        "CHECK_SIGNATURES=no IMAGE_CACHE=no IMPORT_NEW_UUIDS=yes",
        "DEBS_CACHE_SIZE=0",
        "PROXY=proxy.example.com:3128",
        "KERNEL=linux-image-cloud-amd64",
      ].join("\n"),
    });
    expect(config).toMatchObject({
      extraPackages: ["acpi-support-base", "console-tools", "udev"],
      components: ["main", "contrib", "non-free"],
      generateCache: false,
      cleanCacheDays: 3,
      partitionStyle: "gpt",
      partitionAlignment: 4096,
      debootstrapOptions: ["--variant=minbase", `--aptopt=A "b"`],
      checkSignatures: false,
      imageCache: false,
      importNewUuids: true,
      debsCacheSizeMiB: 0,
      proxy: "proxy.example.com:3128",
      kernel: "linux-image-cloud-amd64",
    });
  });
});

describe("EXTRAPKGS, the spelling of the old README", () => {
  it("counts as EXTRA_PKGS, with a warning", async () => {
    const { config, logged, place } = await load({ defaults: 'EXTRAPKGS="vim"\n' });
    expect(config.extraPackages).toEqual(["vim"]);
    expect(config.origins["EXTRA_PKGS"]).toEqual({ kind: "file", path: place.defaultsFile });
    expect(logged).toContain("EXTRAPKGS is an old spelling of EXTRA_PKGS");
  });

  it("of a variant wins over the defaults file, but EXTRA_PKGS beside it wins", async () => {
    const old = await load({ defaults: "EXTRA_PKGS=vim\n", variants: { v: "EXTRAPKGS=nano\n" }, variant: "v" });
    expect(old.config.extraPackages).toEqual(["nano"]);
    const both = await load({ defaults: "EXTRAPKGS=nano\nEXTRA_PKGS=vim\n" });
    expect(both.config.extraPackages).toEqual(["vim"]);
    const later = await load({ defaults: "EXTRAPKGS=nano\n", variants: { v: "EXTRA_PKGS=vim\n" }, variant: "v" });
    expect(later.config.extraPackages).toEqual(["vim"]);
  });
});

describe("variants", () => {
  it("work unpublished when they have a file", async () => {
    const { config } = await load({ variants: { mine: "SUITE=sid\n" }, variant: "mine" });
    expect([config.suite, config.variant]).toEqual(["sid", "mine"]);
  });

  it("are looked for where the defaults file says", async () => {
    const tree = settingsTree({ defaults: "VARIANTS_DIR=${0%/*}/elsewhere\n" });
    const elsewhere = join(tree.osDir, "elsewhere");
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, "v.conf"), "SUITE=sid\n", { mode: 0o644 });
    writeFileSync(tree.defaultsFile, `VARIANTS_DIR=${elsewhere}\n`);
    expect((await load({ tree, variant: "v" })).config.suite).toBe("sid");
  });

  it("without a file are an error with other words for a published one, the default one too", async () => {
    const tree = settingsTree({ published: ["# ours", "", "default", "kvm"] });
    const [published] = await problemsOf({ tree, variant: "kvm" });
    const [standard] = await problemsOf({ tree, variant: "default" });
    const [unpublished] = await problemsOf({ tree, variant: "xen" });
    expect(published).toMatch(/^variant kvm is published in .*variants.list but has no settings: create .*kvm.conf/);
    expect(standard).toMatch(/^variant default is published/);
    expect(unpublished).toMatch(/^unknown variant xen: .*not published.*create that file to support it/);
  });

  it("without their directory are an error that names VARIANTS_DIR", async () => {
    const tree = settingsTree();
    rmSync(tree.variantsDir, { recursive: true });
    expect(await problemsOf({ tree, variant: "default" })).toEqual([expect.stringContaining("VARIANTS_DIR=")]);
  });

  it.each(["../etc/passwd", "a/b", "..", "a b", "a\nb"])("must not be named %j", async (variant) => {
    const [problem] = await problemsOf({ variant });
    expect(problem).toContain("is not a valid variant name");
  });

  it("that cannot be used are reported with the wrong values of the defaults file", async () => {
    const problems = await problemsOf({ defaults: "SUITE='a b'\n", variant: "nope" });
    expect(problems).toEqual([expect.stringContaining("unknown variant nope"), expect.stringContaining('SUITE="a b"')]);
  });
});

describe("warnings", () => {
  it("name a settings file that others than root may write", async () => {
    const tree = settingsTree({ defaults: "", variants: { v: "" } });
    chmodSync(tree.defaultsFile, 0o666);
    const { logged } = await load({ tree, variant: "v" });
    expect(logged).toContain(`${tree.defaultsFile} is run as root, but can be written by everybody`);
    expect(logged).not.toContain("v.conf is run as root, but can be written by everybody");
  });

  it("name a setting that is an array and a GENERATE_CACHE that is neither yes nor no", async () => {
    const { config, logged } = await load({ defaults: "EXTRA_PKGS=(vim nano)\nGENERATE_CACHE=true\n" });
    expect(config.extraPackages).toEqual(["vim"]);
    expect(logged).toContain("EXTRA_PKGS is an array, but only its first element is used");
    expect(logged).toContain("GENERATE_CACHE=true is not yes");
  });
});

describe("a name that is not a setting", () => {
  it("is named with the nearest one, its file and its line", async () => {
    const variants = { v: "export FOO=1\nPARTITON_STYLE=gpt\n" };
    const { logged, place } = await load({ defaults: "# MIROR=x\nEXTRA_PKG=vim\n", variants, variant: "v" });
    expect(logged).toContain(
      `warning: ${place.defaultsFile} line 2: EXTRA_PKG is not a setting and nothing reads it: did you mean EXTRA_PKGS?`,
    );
    expect(logged).toMatch(/v\.conf line 2: PARTITON_STYLE is not a setting.* did you mean PARTITION_STYLE/);
    expect(logged.match(/is not a setting/g)).toHaveLength(2);
  });

  it.each([
    ["used in a file", "MIRROR2=http://mirror.example.com\nMIRROR=${MIRROR2}/debian\n"],
    ["used in the variant", "SUITES='sid'\n"],
    ["inherited by hooks", "export DEBOOTSTRAP_DIR=/usr/share/x\n"],
    ["inherited by hooks, exported later", "CACHE_DIRS=/x\nexport CACHE_DIRS\n"],
    ["far from all", "COLOUR=red\n"],
  ])("is the administrator's own when it is %s", async (_, defaults) => {
    const variants = { v: 'COMPONENTS="$SUITES"\n' };
    expect((await load({ defaults, variants, variant: "v" })).logged).not.toContain("is not a setting");
  });
});

describe("what settings files print", () => {
  it("fills no log, whatever its length, and keeps nobody waiting", async () => {
    const { config, logged } = await load({ defaults: "head -c 100000000 /dev/zero | tr '\\0' x | fold\nSUITE=sid\n" });
    expect(config.suite).toBe("sid");
    expect(logged.length).toBeLessThan(100_000);
    expect(logged).toContain("the rest is not logged");
  });

  it("is told once when it is the error that ends the run, and told when it is not", async () => {
    const broken = settingsTree({ defaults: "nonexistent-command x || true\nother-command\n" });
    const host = testHost({ verbose: false });
    await expect(loadConfig(host, request(), broken)).rejects.toThrow("line 2: other-command: command not found");
    expect(host.logged()).toContain("line 1: nonexistent-command: command not found");
    expect(host.logged()).not.toContain("other-command");
  });
});

it("names the variant in the remedy", async () => {
  await expect(load({ variants: { v: "SUITE='a b'\n" }, variant: "v" })).rejects.toMatchObject({
    hint: "ganeti-instance-debootstrap config show --variant v  prints each setting and where it was set",
  });
});

it("names no value of the environment in the log", async () => {
  const host = testHost({ verbose: true });
  await loadConfig(
    host,
    request({ environment: { OSP_PASSWORD: "sesame" } }),
    settingsTree({ defaults: "export X=sesame\n" }),
  );
  expect(host.logged()).not.toContain("sesame");
});
