import { expect, test } from "vitest";
import { mebibytes } from "../../../src/host/size.ts";

const mebibyte = 1024 * 1024;

test.each([
  [0, "0 MiB"],
  [512 * mebibyte, "512 MiB"],
  [1.5 * mebibyte, "1.5 MiB"],
  [12.34 * mebibyte, "12.3 MiB"],
  [2048 * mebibyte, "2048 MiB"],
])("shows %i bytes as %s", (bytes, expected) => {
  expect(mebibytes(bytes)).toBe(expected);
});

test("rounds down what is there, and up what is needed", () => {
  expect(mebibytes(512 * mebibyte - 1, Math.floor)).toBe("511.9 MiB");
  expect(mebibytes(512 * mebibyte + 1, Math.ceil)).toBe("512.1 MiB");
});
