import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const read = (name: string): string => readFileSync(join("os-definition", name), "utf8");

test("offers the API versions, an integer a line: a blank line would make the OS invalid", () => {
  expect(read("ganeti_api_version")).toBe("20\n15\n10\n5\n");
});

test("describes the filesystem parameter byte for byte as the original does", () => {
  // Of parameters.list in Debian's ganeti-instance-debootstrap 0.16-8. Ganeti intersects the texts of all nodes, so that
  // another text makes the parameter vanish while nodes are upgraded.
  const line = read("parameters.list")
    .split("\n")
    .find((text) => text.startsWith("filesystem "));
  const digest = createHash("sha256").update(`${line!}\n`).digest("hex");
  expect(digest).toBe("aa5a3ca6c22faefc52aba4530bbd9bb589a236802f3bc04d2c63b1de2b75ec45");
});

test("has a name and a description in each line of parameters.list, and no other lines", () => {
  const lines = read("parameters.list").replace(/\n$/, "").split("\n");
  expect(lines.filter((line) => !/^[a-z][a-z0-9_-]* \S.*$/.test(line))).toEqual([]);
});

test("publishes the variant default", () => {
  expect(read("variants.list")).toBe("default\n");
});

test("declares its scripts CommonJS, whatever package they lie below", () => {
  expect(JSON.parse(read("package.json"))).toEqual({ type: "commonjs" });
});

test("has no create_untrusted, whose mere presence moves the OS into a helper VM", () => {
  expect(existsSync("os-definition/create_untrusted")).toBe(false);
});
