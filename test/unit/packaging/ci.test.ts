import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../fixtures/test-host.ts";

interface Outcome {
  readonly status: number | null;
  readonly output: string;
  readonly lastLine: string | undefined;
}

function executable(path: string, script: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

function copyOf(...files: readonly string[]): string {
  const tree = temporaryDirectory();
  for (const file of files) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    copyFileSync(file, join(tree, file));
    chmodSync(join(tree, file), 0o755);
  }
  return tree;
}

function finished(result: { status: number | null; stdout: string; stderr: string }): Outcome {
  const output = result.stdout + result.stderr;
  return { status: result.status, output, lastLine: result.stdout.trimEnd().split("\n").at(-1) };
}

const report = (...states: readonly string[]): string =>
  JSON.stringify({ testResults: [{ status: "passed", assertionResults: states.map((status) => ({ status })) }] });

// .ci/run with a make that writes these reports and ends with these statuses.
function ci(check: { status: number; unit?: string; system?: string }, vm: { status: number; vm?: string }): Outcome {
  const tree = copyOf(".ci/run", "scripts/count-tests.mjs");
  const write = (suite: string, text: string | undefined): string =>
    text === undefined ? "" : `mkdir -p test-results; echo '${text}' >test-results/${suite}.json;`;
  executable(
    join(tree, "bin/make"),
    `case $1 in
     check) ${write("unit", check.unit)} ${write("system", check.system)} exit ${String(check.status)} ;;
     check-vm) ${write("vm", vm.vm)} exit ${String(vm.status)} ;;
     esac`,
  );
  const env = { PATH: `${join(tree, "bin")}:${dirname(process.execPath)}:/usr/bin:/bin` };
  return finished(spawnSync(join(tree, ".ci/run"), [], { env, encoding: "utf8", cwd: "/" }));
}

test(".ci/run sums up all suites in its last line", () => {
  const outcome = ci(
    { status: 0, unit: report("passed", "passed"), system: report("passed", "skipped") },
    { status: 0, vm: report("passed") },
  );
  expect(outcome).toMatchObject({ status: 0, lastLine: "4 passed, 0 failed, 1 skipped" });
});

test(".ci/run goes on after a red check and counts every suite", () => {
  const outcome = ci(
    { status: 2, unit: report("failed", "passed"), system: report("passed") },
    { status: 0, vm: report("passed") },
  );
  expect(outcome).toMatchObject({ status: 1, lastLine: "3 passed, 1 failed" });
});

test(".ci/run fails when only a linter is red", () => {
  const green = report("passed");
  expect(ci({ status: 2, unit: green, system: green }, { status: 0, vm: green })).toMatchObject({
    status: 1,
    lastLine: "3 passed, 0 failed",
  });
});

test(".ci/run fails without a suite's report, although make was content", () => {
  const outcome = ci({ status: 0, unit: report("passed"), system: report("passed") }, { status: 0 });
  expect(outcome).toMatchObject({ status: 1, lastLine: "2 passed, 0 failed" });
  expect(outcome.output).toContain("vm.json");
});

test(".ci/run fails when nothing ran", () => {
  expect(ci({ status: 2 }, { status: 2 })).toMatchObject({ status: 1, lastLine: "0 passed, 0 failed" });
});

// scripts/check.mjs with programs that log their arguments; `red` end with status 1.
function check(suites: readonly string[], red: readonly string[]): Outcome & { calls: string; tree: string } {
  const tree = copyOf("scripts/check.mjs");
  for (const suite of ["unit", "second"]) {
    mkdirSync(join(tree, "test", suite), { recursive: true });
    writeFileSync(join(tree, "test", suite, "a.test.ts"), "");
  }
  mkdirSync(join(tree, "test/vm"));
  mkdirSync(join(tree, "test-results"));
  writeFileSync(join(tree, "test-results/unit.json"), "stale");
  for (const name of ["tsc", "eslint", "depcruise", "prettier", "knip", "vitest"]) {
    const words = red.filter((word) => word.startsWith(name)).map((word) => `*" ${word.slice(name.length + 1)}"*`);
    const failing = words.map((word) => `case " $*" in ${word}) echo ${name} is unhappy; exit 1 ;; esac`);
    executable(join(tree, "node_modules/.bin", name), [`echo "${name} $*" >>calls`, ...failing].join("\n"));
  }
  const result = spawnSync(process.execPath, [join(tree, "scripts/check.mjs"), ...suites], { encoding: "utf8" });
  return { ...finished(result), calls: readFileSync(join(tree, "calls"), "utf8"), tree };
}

test("check runs the linters with the unit tests", () => {
  const { status, calls } = check(["unit", "second"], []);
  expect(status).toBe(0);
  for (const call of ["tsc --noEmit", "eslint .", "prettier --check", "knip", "vitest run --project unit"]) {
    expect(calls).toContain(call);
  }
  expect(calls).toContain("vitest run --project second");
});

test("check goes on after a red linter and a red suite, and names both", () => {
  const { status, calls, output } = check(["unit", "second"], ["eslint .", "vitest run --project unit"]);
  expect(status).toBe(1);
  expect(calls).toContain("--project second");
  expect(output).toContain("eslint is unhappy");
  expect(output).toContain("check: failed: eslint, unit tests");
});

test("check leaves no report of an earlier run", () => {
  expect(existsSync(join(check(["unit"], []).tree, "test-results/unit.json"))).toBe(false);
});

test("check fails when a suite has no tests", () => {
  const { status, output } = check(["unit", "vm"], []);
  expect(status).toBe(1);
  expect(output).toContain("there are no tests in test/vm");
});
