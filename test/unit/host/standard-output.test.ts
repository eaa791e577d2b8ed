import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

const module = JSON.stringify(join(import.meta.dirname, "../../../src/host/standard-output.ts"));
const program = `import { answer } from ${module}; answer("help ".repeat(50_000)); process.stderr.write("went on");`;
const node = ["--import", "tsx", "--input-type=module", "--eval", program];

function run(redirect: string): ReturnType<typeof spawnSync> {
  return spawnSync("bash", ["-c", `set -o pipefail; "$@" ${redirect}`, "bash", process.execPath, ...node]);
}

test("a reader who has read enough is no error", () => {
  expect(run("| true")).toMatchObject({ status: 0, stderr: Buffer.from("went on") });
});

test("an answer that cannot be written is one that a user can act on", () => {
  expect(run(">/dev/full").stderr.toString()).toMatch(/KnownError: cannot write to the standard output: ENOSPC/);
});
