import { expect, test } from "vitest";
import { Interrupted, quoteArgv, UsageError } from "../../../src/host/errors.ts";

test.each([
  [["mkfs.ext4", "-q", "/dev/loop0"], "mkfs.ext4 -q /dev/loop0"],
  [["sh", "-c", "echo 'a b'"], String.raw`sh -c 'echo '\''a b'\'''`],
  [["printf", ""], "printf ''"],
])("quotes %j so that a shell reads it back", (argv, quoted) => {
  expect(quoteArgv(argv)).toBe(quoted);
});

test("gives an interruption the status a shell reports", () => {
  expect(new Interrupted("SIGTERM").exitCode).toBe(143);
  expect(new Interrupted("SIGINT").exitCode).toBe(130);
});

test("gives a wrong call status 2", () => {
  expect(new UsageError("no disk").exitCode).toBe(2);
});
