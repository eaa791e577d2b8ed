// node scripts/check.mjs SUITE...: the linters (with `unit`), then each suite of tests; all of them, whatever fails.
// Each suite's figures go to test-results/SUITE.json, which scripts/count-tests.mjs adds up.
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const linters = {
  tsc: ["--noEmit"],
  eslint: ["."],
  prettier: ["--check", "--log-level=warn", "."],
  depcruise: ["src", "bin", "--output-type", "err"],
  knip: ["--no-progress", "--no-config-hints"],
};

// Not from npm: a Debian package of that name.
const installed = { codespell: [] };

const needRoot = ["system", "packages", "vm"];

process.chdir(root);
const suites = process.argv.slice(2);
const red = [];
if (suites.includes("unit")) red.push(...(await lint()));
for (const suite of suites) {
  if (!(await test(suite))) red.push(`${suite} tests`);
}
if (red.length > 0) {
  process.stderr.write(`check: failed: ${red.join(", ")}\n`);
  process.exitCode = 1;
}

async function lint() {
  const failed = [];
  const runs = Object.entries({ ...linters, ...installed }).map(async ([name, args]) => {
    const { status, output } = await run(name, args, "pipe");
    process.stdout.write(`${status === 0 ? "ok" : "FAILED"}: ${[name, ...args].join(" ")}\n${output}`);
    if (status !== 0) failed.push(name);
  });
  await Promise.all(runs);
  return failed;
}

async function test(suite) {
  const report = join("test-results", `${suite}.json`);
  rmSync(report, { force: true });
  mkdirSync("test-results", { recursive: true });
  if (!hasTests(join("test", suite))) {
    process.stderr.write(`check: there are no tests in test/${suite}\n`);
    return false;
  }
  if (needRoot.includes(suite) && process.getuid() !== 0) {
    process.stderr.write(`check: the tests in test/${suite} need root\n`);
    return false;
  }
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { status } = await run("vitest", ["run", "--project", suite, ...reporters], "inherit");
  return status === 0;
}

function hasTests(directory) {
  return readdirSync(directory, { recursive: true }).some((name) => name.endsWith(".test.ts"));
}

function run(name, args, stdio) {
  const path = name in installed ? name : join("node_modules", ".bin", name);
  const child = spawn(path, args, { stdio: ["ignore", stdio, stdio] });
  const chunks = [];
  child.stdout?.on("data", (chunk) => chunks.push(chunk));
  child.stderr?.on("data", (chunk) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    child.on("error", (error) => {
      if (error.code !== "ENOENT") reject(error);
      else resolve({ status: 127, output: `${name} is not installed: scripts/install-packages check, as root\n` });
    });
    child.on("close", (status) => {
      resolve({ status, output: Buffer.concat(chunks).toString() });
    });
  });
}
