import { expect, test } from "vitest";
import { flattenSuppressed, Interrupted, quoteArgv, ReleaseErrors, UsageError } from "../../../src/host/errors.ts";

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

test("takes apart what several releases threw, also where one of them held others", () => {
  const [first, second, third] = [new Error("1"), new Error("2"), new Error("3")];
  const suppressed = Object.assign(new Error("both"), { error: third, suppressed: first });
  expect(flattenSuppressed(new ReleaseErrors([suppressed, second]))).toEqual([first, third, second]);
});
