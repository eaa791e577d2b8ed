import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../fixtures/test-host.ts";

interface FileReport {
  readonly status: string;
  readonly assertionResults: readonly { readonly status: string }[];
}

function report(...files: readonly FileReport[]): string {
  const path = join(temporaryDirectory(), "report.json");
  writeFileSync(path, JSON.stringify({ testResults: files }));
  return path;
}

function file(status: string, ...states: readonly string[]): FileReport {
  return { status, assertionResults: states.map((state) => ({ status: state })) };
}

function count(...reports: readonly string[]): { status: number | null; lastLine: string | undefined } {
  const { status, stdout } = spawnSync(process.execPath, ["scripts/count-tests.mjs", ...reports], { encoding: "utf8" });
  return { status, lastLine: stdout.trimEnd().split("\n").at(-1) };
}

test("adds up the reports", () => {
  const unit = report(file("passed", "passed", "passed"), file("passed", "passed"));
  const system = report(file("passed", "passed"));
  expect(count(unit, system)).toEqual({ status: 0, lastLine: "4 passed, 0 failed" });
});

test("names skipped tests", () => {
  expect(count(report(file("passed", "passed", "pending", "skipped", "todo")))).toEqual({
    status: 0,
    lastLine: "1 passed, 0 failed, 3 skipped",
  });
});

test("fails with a failed test and still counts the other suites", () => {
  const red = report(file("failed", "passed", "failed"));
  const green = report(file("passed", "passed"));
  expect(count(red, green)).toEqual({ status: 1, lastLine: "2 passed, 1 failed" });
});

test("names the failed tests before the last line, with what their errors say", () => {
  const path = join(temporaryDirectory(), "report.json");
  const message = `Error: status 1 of: ${"x".repeat(400)}\ndebug: run a\nerror: disk in use\nremedy: wait\nerror: b`;
  const red = {
    status: "failed",
    fullName: "a node makes a guest",
    failureMessages: [message, "AssertionError: leaks"],
  };
  const broken = { status: "failed", name: "b.test.ts", message: "SyntaxError: c", assertionResults: [] };
  const withHook = { status: "failed", name: "a.test.ts", message: "Error: afterAll: busy", assertionResults: [red] };
  const files = [withHook, broken];
  writeFileSync(path, JSON.stringify({ testResults: files }));
  const { stdout } = spawnSync(process.execPath, ["scripts/count-tests.mjs", path], { encoding: "utf8" });
  expect(stdout.split("\n")).toEqual([
    "FAILED: a node makes a guest",
    `  ${message.slice(0, 300)}`,
    "  error: disk in use",
    "  error: b",
    "  AssertionError: leaks",
    "FAILED: a.test.ts",
    "  Error: afterAll: busy",
    "FAILED: b.test.ts",
    "  SyntaxError: c",
    "0 passed, 2 failed",
    "",
  ]);
});

test("counts a file that broke before its first test as a failure", () => {
  expect(count(report(file("passed", "passed"), file("failed")))).toEqual({
    status: 1,
    lastLine: "1 passed, 1 failed",
  });
});

test("fails when a report is missing, and says the figures of the others", () => {
  const green = report(file("passed", "passed"));
  expect(count(green, "/nonexistent/system.json")).toEqual({ status: 1, lastLine: "1 passed, 0 failed" });
});

test("fails when no test ran", () => {
  expect(count(report(file("passed", "skipped")))).toEqual({ status: 1, lastLine: "0 passed, 0 failed, 1 skipped" });
});

test("reads what vitest writes", () => {
  const directory = temporaryDirectory();
  const written = join(directory, "vitest.json");
  writeFileSync(join(directory, "one.test.mjs"), "test('a', () => {}); test.skip('b', () => {});");
  const vitest = join(process.cwd(), "node_modules", "vitest", "vitest.mjs");
  const options = ["--root", directory, "--globals", "--reporter=json", `--outputFile.json=${written}`];
  execFileSync(process.execPath, [vitest, "run", ...options], { env: { PATH: process.env["PATH"] } });
  expect(count(written)).toEqual({ status: 0, lastLine: "1 passed, 0 failed, 1 skipped" });
});
