import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

/** Runs a program that has `catchSignals`, `failUntilSet` and a log; returns its exit status and what it said. */
function program(text: string): { readonly status: number | null; readonly stderr: string } {
  const imports = ["process/signals.ts:catchSignals", "process/exit-status.ts:failUntilSet", "log.ts:createLog"].map(
    (entry) => {
      const [file = "", name = ""] = entry.split(":");
      return `import { ${name} } from ${JSON.stringify(join(import.meta.dirname, "../../../../src/host", file))};`;
    },
  );
  const source = [...imports, "const end = failUntilSet(createLog());", text].join("\n");
  const argv = ["--import", "tsx", "--input-type=module", "--eval", source];
  return spawnSync(process.execPath, argv, { encoding: "utf8" });
}

test("a run that stops in the middle of an await has failed, and says so", () => {
  const { status, stderr } = program("void (async () => { await new Promise(() => {}); end(0); })();");
  expect(status).toBe(1);
  expect(stderr).toMatch(/error: stopped before it had finished/);
});

test("a run that was finished has the status it set and says nothing more", () => {
  expect(program("end(0);")).toMatchObject({ status: 0, stderr: "" });
  expect(program("end(143);")).toMatchObject({ status: 143, stderr: "" });
});

test.each([
  "void Promise.reject(new Error('nobody caught it'));",
  "setTimeout(() => { throw new Error('nobody caught it'); });",
])("releases everything after %s", (accident) => {
  const { status, stderr } = program(`
      const { signal } = catchSignals();
      signal.addEventListener("abort", () => { process.stderr.write("released after: " + signal.reason.message); end(1); });
      ${accident}
      setTimeout(() => {}, 50);`);
  expect(stderr).toBe("released after: nobody caught it");
  expect(status).toBe(1);
});
