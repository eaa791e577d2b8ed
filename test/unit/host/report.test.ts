import { expect, test } from "vitest";
import { KnownError } from "../../../src/host/errors.ts";
import { createLog } from "../../../src/host/log.ts";
import { describe, reportFailure } from "../../../src/host/report.ts";

test("says a cause once, whether the message has it already or not", () => {
  const cause = new Error("ENOENT: no such file");
  expect(describe(new KnownError("no disk", { cause }))).toBe("no disk: ENOENT: no such file");
  expect(describe(new KnownError("no disk: ENOENT: no such file", { cause }))).toBe("no disk: ENOENT: no such file");
});

test("ends the log with the failed step, what went wrong while cleaning up, and the remedies", async () => {
  let text = "";
  const log = createLog({ write: (chunk) => (text += chunk) });
  const cause = new KnownError("exit status 1: mkfs", { hint: "look at the disk" });
  await log.phase("format", () => Promise.reject(cause)).catch(() => undefined);
  const both = Object.assign(new Error("any"), { error: new KnownError("still mounted"), suppressed: cause });
  expect(reportFailure(log, "create of host1", both)).toBe(1);
  expect(text.trimEnd().split("\n")).toEqual([
    'error: create of host1 failed in the step "format": exit status 1: mkfs',
    "error: while cleaning up: still mounted",
    "error: remedy: look at the disk",
  ]);
});
