import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { UsageError } from "../../../src/host/errors.ts";
import { apiVersions, HelpRequested, parseRequest } from "../../../src/os-api/parse.ts";
import type { Action } from "../../../src/os-api/usage.ts";
import { temporaryDirectory } from "../../fixtures/test-host.ts";

const actions: readonly Action[] = ["create", "import", "export", "rename", "verify"];

/** What Ganeti 3.0 gives a script for an instance with two disks. */
const ganeti = {
  OS_API_VERSION: "20",
  OS_NAME: "debootstrap",
  OS_VARIANT: "default",
  DEBUG_LEVEL: "0",
  PATH: "/sbin:/bin:/usr/sbin:/usr/bin",
  INSTANCE_NAME: "guest1.example.com",
  INSTANCE_OS: "debootstrap+default",
  HYPERVISOR: "kvm",
  INSTANCE_HV_serial_console: "True",
  INSTANCE_HV_serial_speed: "38400",
  INSTANCE_HV_boot_type: "uefi",
  DISK_COUNT: "2",
  DISK_0_PATH: "/dev/vg/disk0",
  DISK_0_SIZE: "10240",
  DISK_0_ACCESS: "rw",
  DISK_0_UUID: "a-b",
  DISK_0_NAME: "root",
  DISK_1_PATH: "/dev/vg/disk1",
  DISK_1_ACCESS: "ro",
  NIC_COUNT: "1",
  NIC_0_MAC: "aa:00:00:00:00:01",
  NIC_0_IP: "192.0.2.10",
  NIC_0_MODE: "bridged",
  NIC_0_LINK: "br0",
  NIC_0_NETWORK_NAME: "lan",
  NIC_0_NETWORK_SUBNET: "192.0.2.0/24",
  NIC_0_NETWORK_GATEWAY: "192.0.2.1",
  OSP_FILESYSTEM: "xfs",
  EXPORT_DEVICE: "/dev/vg/snap0",
  EXPORT_DISK_PATH: "/dev/vg/snap0",
  EXPORT_INDEX: "1",
  EXP_SIZE_FD: "11",
  IMPORT_DEVICE: "/dev/vg/disk1",
  IMPORT_DISK_PATH: "/dev/vg/disk1",
  IMPORT_INDEX: "1",
  OLD_INSTANCE_NAME: "old.example.com",
};

function without(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(ganeti).filter(([name]) => !names.includes(name)));
}

function failure(action: Action, argv: readonly string[], environment: Record<string, string> = {}): UsageError {
  try {
    parseRequest(action, argv, environment);
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error("the call was taken");
}

function problems(action: Action, argv: readonly string[], environment: Record<string, string> = {}): string[] {
  return failure(action, argv, environment).message.split("\n");
}

describe("help", () => {
  it.each(actions)("of %s names every flag and variable, and comes before everything else", (action) => {
    for (const argv of [["-h"], ["--help"], ["-x", "--help", "y"]]) {
      for (const environment of [{}, ganeti, { OS_API_VERSION: "99" }]) {
        const call = () => parseRequest(action, argv, environment);
        expect(call).toThrow(HelpRequested);
      }
    }
  });

  it("tells flags, variables, exit statuses and an example", () => {
    const text = helpOf("rename");
    for (const word of [
      "-o OLD",
      "-n NEW",
      "-b DISK",
      "-s SWAP",
      "OLD_INSTANCE_NAME",
      "DISK_0_PATH",
      "128+n",
      "Example",
    ])
      expect(text).toContain(word);
    expect(helpOf("export")).toContain("EXP_SIZE_FD");
    expect(helpOf("verify")).toContain("verify parameters");
    expect(
      Math.max(
        ...actions.flatMap((action) =>
          helpOf(action)
            .split("\n")
            .map((line) => line.length),
        ),
      ),
    ).toBeLessThan(101);
  });
});

function helpOf(action: Action): string {
  try {
    parseRequest(action, ["-h"], {});
  } catch (error) {
    if (error instanceof HelpRequested) return error.text;
  }
  throw new Error("no help");
}

describe("the OS API version", () => {
  it("is 5 when there is none, or an empty one", () => {
    for (const environment of [{}, { OS_API_VERSION: "" }, { OS_API_VERSION: "5" }]) {
      const request = parseRequest("export", ["-i", "guest", "-b", "/dev/x"], environment);
      expect(request.apiVersion).toBe(5);
    }
  });

  it.each([10, 15, 20])("%d is served by variables", (version) => {
    const request = parseRequest("create", [], { ...ganeti, OS_API_VERSION: String(version) });
    expect(request).toMatchObject({ apiVersion: version, disk: "/dev/vg/disk0" });
  });

  it.each(["7", "25", "20.0", "x", " 20"])("%j is refused with the versions served", (version) => {
    const error = failure("create", [], { ...ganeti, OS_API_VERSION: version });
    expect(error.message).toContain("5, 10, 15, 20");
    expect(error.exitCode).toBe(2);
  });

  it("is served as ganeti_api_version declares", () => {
    expect(apiVersions).toEqual([20, 15, 10, 5]);
  });
});

describe("flags (OS API 5)", () => {
  it("make the request of create, import, export and rename", () => {
    const disks = ["-b", "/dev/xvda", "-s", "/dev/xvdb"];
    expect(parseRequest("create", ["-i", "guest", ...disks], {})).toMatchObject({
      action: "create",
      disk: "/dev/xvda",
      swapDevice: "/dev/xvdb",
      reinstall: false,
      variant: undefined,
      instance: {
        name: "guest",
        hypervisor: undefined,
        nics: [],
        disks: [
          { index: 0, path: "/dev/xvda" },
          { index: 1, path: "/dev/xvdb" },
        ],
      },
    });
    expect(parseRequest("import", ["-s", "/dev/xvdb", "-b", "/dev/xvda", "-i", "guest"], {})).toMatchObject({
      action: "import",
      disk: "/dev/xvda",
      diskIndex: 0,
      swapDevice: "/dev/xvdb",
    });
    expect(parseRequest("export", ["-iguest", "-b/dev/xvda"], {})).toMatchObject({
      action: "export",
      disk: "/dev/xvda",
      diskIndex: 0,
      sizeDescriptor: undefined,
      instance: { name: "guest" },
    });
    expect(parseRequest("rename", ["-o", "old", "-n", "new", ...disks], {})).toMatchObject({
      action: "rename",
      oldName: "old",
      instance: { name: "new" },
      disk: "/dev/xvda",
    });
  });

  it("take what the environment says of hypervisor, parameters and network", () => {
    const environment = {
      HYPERVISOR: "xen-pvm",
      INSTANCE_HV_serial_console: "True",
      NIC_COUNT: "1",
      NIC_0_IP: "192.0.2.1",
      OS_VARIANT: "v",
    };
    expect(parseRequest("create", ["-i", "g", "-b", "/dev/a", "-s", "/dev/b"], environment)).toMatchObject({
      variant: "v",
      instance: {
        hypervisor: "xen-pvm",
        hypervisorParameters: { serial_console: "True" },
        nics: [{ ip: "192.0.2.1" }],
      },
    });
  });

  it.each([
    ["create", [], "missing: -i NAME, -b DISK, -s SWAP"],
    ["create", ["-i", "g", "-b", "/dev/a"], "missing: -s SWAP"],
    ["import", ["-i", "g", "-b", "/dev/a"], "missing: -s SWAP"],
    ["export", ["-i", "g"], "missing: -b DISK"],
    ["rename", ["-n", "new", "-b", "/dev/a"], "missing: -o OLD, -s SWAP"],
  ] as const)("of %s %j are incomplete: %s", (action, argv, message) => {
    const error = failure(action, argv);
    expect(error.message).toBe(message);
    expect(error.exitCode).toBe(2);
    expect(error.hint).toContain(`usage: ${action} `);
  });

  it.each([
    ["create", ["-i", "g", "-b", "/dev/a", "-s", "/dev/b", "more"], 'unexpected argument "more"'],
    ["create", ["-i", "g", "-b", "/dev/a", "-s", "/dev/b", "--force"], 'unexpected argument "--force"'],
    ["export", ["-i", "g", "-b", "/dev/a", "-s", "/dev/b"], 'unexpected argument "-s"'],
    ["rename", ["-i", "g", "-o", "a", "-n", "b", "-b", "/dev/a", "-s", "/dev/b"], 'unexpected argument "-i"'],
    ["create", ["-i", "", "-b", "/dev/a", "-s", "/dev/b"], "-i NAME is empty"],
    ["create", ["-i", "a/b", "-b", "/dev/a", "-s", "/dev/b"], '-i NAME contains a slash: "a/b"'],
    ["create", ["-i", "a\nb", "-b", "/dev/a", "-s", "/dev/b"], "-i NAME contains a space, a newline"],
    ["create", ["-i", "..", "-b", "/dev/a", "-s", "/dev/b"], '-i NAME is not a host name: ".."'],
    ["create", ["-i", "-b", "/dev/a", "-s", "/dev/b"], '-i NAME begins with a dash: "-b"'],
    ["rename", ["-o", "a b", "-n", "b", "-b", "/dev/a", "-s", "/dev/b"], "-o OLD contains a space"],
    ["create", ["-i", "g", "-b", "", "-s", "/dev/b"], "-b DISK is empty"],
    ["create", ["-i", "g", "-b", "/dev/a", "-s"], "option '-s <SWAP>' argument missing"],
    ["create", ["-i", "g", "-b", "/dev/a", "-b", "/dev/c", "-s", "/dev/b"], "-b is given more than once"],
    ["create", ["-i", "g", "-b", "/dev/a", "-s", "/dev/a"], "-b /dev/a and -s /dev/a are the same device"],
    ["create", ["-i", "g", "-b", "/x/./a", "-s", "/x/b/../a"], "are the same device"],
  ] as const)("of %s %j are wrong: %s", (action, argv, message) => {
    const found = problems(action, argv);
    expect(
      found.some((problem) => problem.includes(message)),
      found.join("; "),
    ).toBe(true);
  });

  it("are reported with all that is wrong at once", () => {
    const found = problems("create", ["-i", "a/b", "-z", "-b", "/dev/a", "extra"]);
    expect(found).toEqual([
      'unexpected argument "-z"',
      'unexpected argument "extra"',
      "missing: -s SWAP",
      '-i NAME contains a slash: "a/b"',
    ]);
  });

  it("must not name one device twice by a link, by a second path or by a hard link", () => {
    const directory = temporaryDirectory();
    const disk = join(directory, "disk");
    writeFileSync(disk, "");
    symlinkSync(disk, join(directory, "link"));
    mkdirSync(join(directory, "sub"));
    for (const swap of [disk, join(directory, "link"), join(directory, "sub/../disk")]) {
      expect(problems("create", ["-i", "g", "-b", disk, "-s", swap])[0]).toContain("are the same device");
    }
  });
});

describe("variables (OS API 10 and later)", () => {
  it("make the request of create", () => {
    expect(parseRequest("create", [], ganeti)).toEqual({
      action: "create",
      apiVersion: 20,
      debug: false,
      variant: "default",
      osParameters: { FILESYSTEM: "xfs" },
      environment: ganeti,
      disk: "/dev/vg/disk0",
      swapDevice: undefined,
      reinstall: false,
      instance: {
        name: "guest1.example.com",
        hypervisor: "kvm",
        hypervisorParameters: { serial_console: "True", serial_speed: "38400", boot_type: "uefi" },
        disks: [
          {
            index: 0,
            path: "/dev/vg/disk0",
            uri: undefined,
            sizeMiB: 10240,
            access: "rw",
            name: "root",
            uuid: "a-b",
            role: undefined,
          },
          {
            index: 1,
            path: "/dev/vg/disk1",
            uri: undefined,
            sizeMiB: undefined,
            access: "ro",
            name: undefined,
            uuid: undefined,
            role: undefined,
          },
        ],
        nics: [
          {
            index: 0,
            mac: "aa:00:00:00:00:01",
            ip: "192.0.2.10",
            mode: "bridged",
            link: "br0",
            name: undefined,
            networkName: "lan",
            networkSubnet: "192.0.2.0/24",
            networkGateway: "192.0.2.1",
            networkSubnet6: undefined,
            networkGateway6: undefined,
          },
        ],
      },
    });
  });

  it("make the requests of export, import and rename", () => {
    expect(parseRequest("export", [], ganeti)).toMatchObject({
      disk: "/dev/vg/snap0",
      diskIndex: 1,
      sizeDescriptor: 11,
    });
    expect(parseRequest("import", [], ganeti)).toMatchObject({
      disk: "/dev/vg/disk1",
      diskIndex: 1,
      swapDevice: undefined,
    });
    expect(parseRequest("rename", [], ganeti)).toMatchObject({
      oldName: "old.example.com",
      instance: { name: "guest1.example.com" },
      disk: "/dev/vg/disk0",
    });
  });

  it("say that create reinstalls, and at which level to log", () => {
    const request = parseRequest("create", [], { ...ganeti, INSTANCE_REINSTALL: "1", DEBUG_LEVEL: "1" });
    expect(request).toMatchObject({ reinstall: true, debug: true });
  });

  it.each([
    ["create", "INSTANCE_NAME, HYPERVISOR, DISK_COUNT, DISK_0_PATH"],
    ["rename", "INSTANCE_NAME, HYPERVISOR, DISK_COUNT, OLD_INSTANCE_NAME, DISK_0_PATH"],
    ["import", "INSTANCE_NAME, HYPERVISOR, DISK_COUNT, IMPORT_DEVICE"],
    ["export", "INSTANCE_NAME, HYPERVISOR, DISK_COUNT, EXPORT_DEVICE"],
  ] as const)("that %s misses are all named", (action, names) => {
    const error = failure(action, [], { OS_API_VERSION: "20" });
    expect(error.message).toBe(`missing variables: ${names}`);
    expect(error.exitCode).toBe(2);
    const empty = Object.fromEntries(names.split(", ").map((name) => [name, ""]));
    expect(failure(action, [], { OS_API_VERSION: "20", ...empty }).message).toBe(`missing variables: ${names}`);
  });

  it.each(["EXPORT", "IMPORT"] as const)("%s_DEVICE and %s_DISK_PATH are two names of one thing", (direction) => {
    const action = direction === "EXPORT" ? "export" : "import";
    const [older, newer] = [`${direction}_DEVICE`, `${direction}_DISK_PATH`] as const;
    expect(parseRequest(action, [], without(older))).toMatchObject({ disk: ganeti[newer] });
    expect(parseRequest(action, [], without(newer))).toMatchObject({ disk: ganeti[older] });
    expect(problems(action, [], { ...ganeti, [newer]: "/dev/vg/other" })).toEqual([
      `${older}=${ganeti[older]} and ${newer}=/dev/vg/other differ`,
    ]);
  });

  it("that give no index have it found by the path of the disk", () => {
    expect(parseRequest("import", [], without("IMPORT_INDEX"))).toMatchObject({ diskIndex: 1 });
    expect(parseRequest("export", [], without("EXPORT_INDEX"))).toMatchObject({ diskIndex: 0 });
  });

  it.each([
    ["create", { DISK_COUNT: "0" }, "DISK_COUNT=0: the instance has no disk to work on"],
    ["create", { DISK_COUNT: "two" }, "DISK_COUNT=two is not a number"],
    ["create", { DISK_COUNT: "-1" }, "DISK_COUNT=-1 is not a number"],
    ["create", { NIC_COUNT: "x" }, "NIC_COUNT=x is not a number"],
    ["create", { INSTANCE_NAME: "a/b" }, 'INSTANCE_NAME contains a slash: "a/b"'],
    ["create", { INSTANCE_NAME: "a\nb" }, 'INSTANCE_NAME contains a space, a newline or a control character: "a\\nb"'],
    ["rename", { OLD_INSTANCE_NAME: "a/b" }, 'OLD_INSTANCE_NAME contains a slash: "a/b"'],
    ["create", { DISK_0_ROLE: "firmware" }, "disk 0 is not a root disk: its role is firmware (DISK_0_ROLE)"],
    [
      "import",
      { IMPORT_INDEX: "1", DISK_1_ROLE: "firmware" },
      "disk 1 is not for import: its role is firmware (DISK_1_ROLE)",
    ],
    [
      "export",
      { EXPORT_INDEX: "1", DISK_1_ROLE: "firmware" },
      "disk 1 is not for export: its role is firmware (DISK_1_ROLE)",
    ],
    ["import", { IMPORT_INDEX: "2" }, "IMPORT_INDEX=2 is not a disk of the instance: DISK_COUNT=2"],
    ["import", { IMPORT_INDEX: "x" }, "IMPORT_INDEX=x is not a number"],
    ["export", { EXPORT_INDEX: "7" }, "EXPORT_INDEX=7 is not a disk of the instance: DISK_COUNT=2"],
    ["export", { EXP_SIZE_FD: "eleven" }, "EXP_SIZE_FD=eleven is not a number"],
    ["export", { EXP_SIZE_FD: "1" }, "EXP_SIZE_FD=1 is not a descriptor above 2"],
  ] as const)("of %s are wrong: %j", (action, changes, message) => {
    expect(problems(action, [], { ...ganeti, ...changes })).toEqual([message]);
  });

  it("that name a disk which only the hypervisor reaches are refused where its contents are wanted", () => {
    const userspace = { ...without("DISK_0_PATH"), DISK_0_URI: "gluster://host/vol/disk" };
    for (const action of ["create", "rename"] as const) {
      expect(problems(action, [], userspace)[0]).toContain("DISK_0_URI=gluster://host/vol/disk");
    }
    expect(parseRequest("export", [], userspace)).toMatchObject({ disk: "/dev/vg/snap0" });
  });

  it("keep a second disk without a path, and the role of a firmware disk", () => {
    const request = parseRequest("create", [], { ...without("DISK_1_PATH"), DISK_1_ROLE: "firmware" });
    expect(request).toMatchObject({
      instance: { disks: [{ path: "/dev/vg/disk0" }, { path: undefined, role: "firmware" }] },
    });
  });

  it("allow no arguments", () => {
    for (const action of ["create", "import", "export", "rename"] as const) {
      expect(problems(action, ["-i", "x"], ganeti)).toHaveLength(2);
    }
  });

  it("are reported with all that is wrong at once", () => {
    const environment = { ...without("HYPERVISOR"), DISK_COUNT: "x", OLD_INSTANCE_NAME: "a/b" };
    expect(problems("rename", ["now"], environment)).toEqual([
      "missing variables: HYPERVISOR",
      'unexpected argument "now": OS_API_VERSION=20 allows no arguments',
      "DISK_COUNT=x is not a number",
      'OLD_INSTANCE_NAME contains a slash: "a/b"',
    ]);
  });
});

describe("verify", () => {
  it("needs nothing but OS parameters, with every version of the API", () => {
    for (const version of ["", "5", "15", "20"]) {
      const request = parseRequest("verify", ["parameters"], {
        OS_API_VERSION: version,
        OSP_FILESYSTEM: "ext2",
        OSP_: "x",
      });
      expect(request).toMatchObject({ action: "verify", osParameters: { FILESYSTEM: "ext2" } });
    }
    expect(parseRequest("verify", [], { OS_API_VERSION: "20" })).toMatchObject({ osParameters: {} });
  });

  it("refuses every other argument", () => {
    expect(problems("verify", ["disks", "now"], { OS_API_VERSION: "20" })).toEqual([
      'unexpected argument "disks"',
      'unexpected argument "now"',
    ]);
    expect(problems("verify", ["parameters", "parameters"])).toEqual(['unexpected argument "parameters"']);
  });
});
