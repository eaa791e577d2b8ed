import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Script } from "node:vm";
import { expect, test } from "vitest";
import { buildProbes } from "../../fixtures/source-tree.ts";
import { temporaryDirectory } from "../../fixtures/test-host.ts";

interface Start {
  compile(programs: readonly string[]): void;
  compiled(program: string): Script | undefined;
}

/** An OS definition whose only program is `text`, compiled. */
function compiledProgram(text: string): { readonly program: string; readonly start: Start } {
  const directory = realpathSync(temporaryDirectory());
  copyFileSync("os-definition/start.cjs", join(directory, "start.cjs"));
  copyFileSync("os-definition/package.json", join(directory, "package.json"));
  const program = join(directory, "create");
  writeFileSync(program, text, { mode: 0o755 });
  const start = createRequire(import.meta.url)(join(directory, "start.cjs")) as Start;
  start.compile([program]);
  return { program, start };
}

function run(program: string, ...args: readonly string[]): { readonly stdout: string; readonly stderr: string } {
  const start = join(program, "../start.cjs");
  return spawnSync(process.execPath, [start, program, ...args], { encoding: "utf8", env: {} });
}

const text = `#!/bin/sh
"use strict";
const who = () => "one";
console.log(JSON.stringify([who(), process.argv.slice(1), __filename, require("node:path").sep]));
if (process.argv[2] === "fail") throw new Error("line five");
`;

test("runs the code that was made of the program, with arguments and paths as node itself gives them", () => {
  const { program, start } = compiledProgram(text);
  expect(start.compiled(program)?.cachedDataRejected).toBe(false);
  const plain = spawnSync(process.execPath, [program, "a b", "-x"], { encoding: "utf8", env: {} });
  expect(run(program, "a b", "-x").stdout).toBe(plain.stdout);
  expect(JSON.parse(plain.stdout)).toEqual(["one", [program, "a b", "-x"], program, "/"]);
});

test("names the line of the program where something fails", () => {
  expect(run(compiledProgram(text).program, "fail").stderr).toMatch(/create:5:\d+/);
});

test("a program that was changed runs as it is now, even when it is as long as before", () => {
  const { program, start } = compiledProgram(text);
  writeFileSync(program, text.replace('"one"', '"two"'));
  expect(start.compiled(program)).toBeUndefined();
  expect(run(program).stdout).toMatch(/^\["two"/);
});

test.each([
  ["damaged", (code: Buffer) => code.fill(0, code.length - 40, code.length - 20)],
  ["cut short", (code: Buffer) => code.subarray(0, code.length / 2)],
  ["empty", () => Buffer.alloc(0)],
])("code that is %s is not used", (_, damage) => {
  const { program, start } = compiledProgram(text);
  writeFileSync(`${program}.code`, damage(readFileSync(`${program}.code`)));
  expect(start.compiled(program)).toBeUndefined();
  expect(run(program).stdout).toMatch(/^\["one"/);
});

test("code that another node made is not used", () => {
  const { program } = compiledProgram(text);
  const other = join(program, "../node");
  // The same program at another time of change is another build of it, as far as anybody can tell.
  copyFileSync(process.execPath, other);
  const words = `process.stdout.write(String(require(process.argv[1]).compiled(process.argv[2])))`;
  const { stdout } = spawnSync(other, ["-e", words, join(program, "../start.cjs"), program], { encoding: "utf8" });
  expect(stdout).toBe("undefined");
});

test("a program that is reached through a symlink has the code of the file it leads to", () => {
  const { program, start } = compiledProgram(text);
  const link = join(temporaryDirectory(), "create");
  symlinkSync(program, link);
  expect(start.compiled(link)?.cachedDataRejected).toBe(false);
  expect(start.compiled("/etc/hostname")).toBeUndefined();
});

test("the built programs are compiled, and start that way", () => {
  const output = join(temporaryDirectory(), "bundles");
  mkdirSync(output);
  copyFileSync("os-definition/start.cjs", join(output, "start.cjs"));
  buildProbes(output);
  const start = createRequire(import.meta.url)(join(output, "start.cjs")) as Start;
  const program = join(output, "create");
  expect(start.compiled(program)?.cachedDataRejected).toBe(false);
  writeFileSync(join(output, "start.cjs"), "console.log(JSON.stringify(process.argv.slice(2)));");
  expect(JSON.parse(spawnSync(program, ["x"], { encoding: "utf8" }).stdout)).toEqual([program, "x"]);
});
