import { expect, test } from "vitest";
import { parseProbe } from "../../../src/filesystems/probe.ts";

test("blkid's answer is parsed with its escapes", () => {
  expect(parseProbe("DEVNAME=/dev/x\nLABEL=a\\ b\\=c\nUUID=1-2\nTYPE=ext4\nUSAGE=filesystem\n")).toEqual({
    type: "ext4",
    uuid: "1-2",
    label: "a b=c",
  });
  expect(parseProbe("PTTYPE=dos\n")).toBeUndefined();
});
