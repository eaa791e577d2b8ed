import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { guestTree, type GuestTree } from "../../../fixtures/guest-tree.ts";

const upper = (text: string): string => text.toUpperCase();
const edits = ["/etc/a", "/etc/b", "/etc/none"].map((path) => ({ path, change: upper }));

/** Sets a flag; returns how to take it away. */
function flagged(path: string, letter: "i" | "a"): () => void {
  execFileSync("chattr", [`+${letter}`, path]);
  return () => {
    execFileSync("chattr", [`-${letter}`, path]);
  };
}

/** Whether this filesystem and this user have flags at all. */
function hasFlags(): boolean {
  const directory = mkdtempSync(join(tmpdir(), "gid-flags-"));
  try {
    flagged(directory, "i")();
    return true;
  } catch {
    return false;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const guest = (): GuestTree => guestTree({ "etc/a": "a\n", "etc/b": "b\n" });

describe("several edits", () => {
  test("are all made, and a file that is not there is passed over", async () => {
    const tree = guest();
    await tree.files.editAll(edits);
    expect([tree.text("etc/a"), tree.text("etc/b")]).toEqual(["A\n", "B\n"]);
    expect(readdirSync(join(tree.root, "etc"))).toEqual(["a", "b"]);
  });

  test("of one file by two paths follow each other", async () => {
    const tree = guestTree({ "etc/a": "x", "etc/b": { symlink: "a" } });
    const append = (letter: string) => (text: string) => text + letter;
    await tree.files.editAll([
      { path: "/etc/a", change: append("1") },
      { path: "/etc/b", change: append("2") },
    ]);
    expect(tree.text("etc/a")).toBe("x12");
  });

  test.skipIf(!hasFlags()).each([
    ["i", "etc/b", "/etc/b in the guest is immutable (chattr +i): no file was changed", "chattr -i /etc/b"],
    ["a", "etc/b", "/etc/b in the guest is append-only (chattr +a): no file was changed", "chattr -a /etc/b"],
    ["i", "etc", "/etc in the guest is immutable (chattr +i) or append-only (chattr +a)", "chattr -i -a /etc"],
    ["a", "etc", "/etc in the guest is immutable (chattr +i) or append-only (chattr +a)", "chattr -i -a /etc"],
  ] as const)("are none when +%s is on %s, named with the remedy", async (letter, path, message, hint) => {
    const tree = guest();
    const unflag = flagged(join(tree.root, path), letter);
    try {
      await expect(tree.files.editAll(edits)).rejects.toMatchObject({
        message: expect.stringContaining(message) as string,
        hint: expect.stringContaining(hint) as string,
      });
      expect([tree.text("etc/a"), tree.text("etc/b")]).toEqual(["a\n", "b\n"]);
      expect(readdirSync(join(tree.root, "etc"))).toEqual(["a", "b"]);
    } finally {
      unflag();
    }
  });

  test("are none when a later file is no regular one", async () => {
    const tree = guest();
    mkdirSync(join(tree.root, "etc/c"));
    await expect(tree.files.editAll([...edits, { path: "/etc/c", change: upper }])).rejects.toThrow(
      /not a regular file/,
    );
    expect([tree.text("etc/a"), readdirSync(join(tree.root, "etc"))]).toEqual(["a\n", ["a", "b", "c"]]);
  });
});
