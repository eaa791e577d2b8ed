import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { ifThere, ifThereSync } from "../../../../src/host/files/absent.ts";

const here = import.meta.filename;

test.each([`${here}.missing`, `${here}/below-a-file`])("knows that nothing stands at %s", async (path) => {
  await expect(ifThere(readFile(path))).resolves.toBeUndefined();
  expect(ifThereSync(() => readFileSync(path))).toBeUndefined();
});

test("passes on what is there, and each other failure", async () => {
  await expect(ifThere(readFile(here, "utf8"))).resolves.toContain("below-a-file");
  expect(ifThereSync(() => readFileSync(here, "utf8"))).toContain("below-a-file");
  await expect(ifThere(readFile("/"))).rejects.toMatchObject({ code: "EISDIR" });
  expect(() => ifThereSync(() => readFileSync("/"))).toThrow(/EISDIR/);
});

test("counts further codes as absent where a caller names them", () => {
  expect(ifThereSync(() => readFileSync("/"), "EISDIR")).toBeUndefined();
  expect(ifThereSync(() => readdirSync("/")) ?? []).toContain("proc");
});
