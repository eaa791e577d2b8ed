import { expect, test } from "vitest";
import { requireTools } from "../../../../src/host/process/tools.ts";
import { fakeCommands, testHost } from "../../../fixtures/test-host.ts";

test("names every missing tool with the packages that bring them", () => {
  const host = testHost({ path: fakeCommands({}).path });
  const tools = [
    { command: "sh", package: "dash" },
    { command: "no-such-mkfs", package: "e2fsprogs" },
    { command: "no-such-tune", package: "e2fsprogs" },
    { command: "no-such-map", package: "kpartx" },
  ];
  expect(() => {
    requireTools(host, tools);
  }).toThrow(
    expect.objectContaining({
      message: "missing on this node: no-such-mkfs, no-such-tune, no-such-map",
      hint: expect.stringContaining("apt-get install e2fsprogs kpartx (") as string,
    }),
  );
});

test("accepts tools that are there, fakes included", () => {
  const host = testHost({ path: fakeCommands({ "mkfs.fake": "" }).path });
  expect(() => {
    requireTools(host, [{ command: "mkfs.fake", package: "none" }]);
  }).not.toThrow();
});
