import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openRoot, type RootedFiles } from "../../../../src/host/files/rooted-files.ts";
import { temporaryDirectory, testHost } from "../../../fixtures/test-host.ts";

interface Guest {
  readonly files: RootedFiles;
  /** Path on the host of a guest path. */
  at(path: string): string;
  /** A file outside the root that must never be touched. */
  readonly outside: string;
}

function guest(): Guest {
  const directory = temporaryDirectory();
  const root = join(directory, "root");
  const outside = join(directory, "outside");
  mkdirSync(join(root, "etc"), { recursive: true });
  writeFileSync(outside, "host\n");
  return { files: openRoot(root), at: (path) => join(root, path), outside };
}

describe("reading", () => {
  test("gives a file's text, and undefined where there is none", async () => {
    const { files, at } = guest();
    writeFileSync(at("etc/hostname"), "web\n");
    expect(await files.read("/etc/hostname")).toBe("web\n");
    expect(await files.read("/etc/mailname")).toBeUndefined();
    expect(await files.read("/nowhere/at/all")).toBeUndefined();
    expect(await files.read("/etc/hostname/below")).toBeUndefined();
  });

  test.each([
    ["an absolute link", "/etc/real"],
    ["a relative link", "real"],
    ["a link that climbs above the root", "../../../../../../../../etc/real"],
    ["a link through . and //", "/./etc//../etc/real"],
  ])("resolves %s inside the root", async (_, target) => {
    const { files, at } = guest();
    writeFileSync(at("etc/real"), "inside\n");
    symlinkSync(target, at("etc/link"));
    expect(await files.read("/etc/link")).toBe("inside\n");
  });

  test("resolves a link at a directory on the way inside the root", async () => {
    const { files, at, outside } = guest();
    mkdirSync(at("a"));
    symlinkSync(join(outside, ".."), at("a/host"));
    symlinkSync("/etc", at("config"));
    writeFileSync(at("etc/hostname"), "web\n");
    expect(await files.read("/a/host/outside")).toBeUndefined();
    expect(await files.read("/config/hostname")).toBe("web\n");
  });

  test("takes .. after a link as the parent of where the link leads, never above the root", async () => {
    const { files, at } = guest();
    mkdirSync(at("deep/er"), { recursive: true });
    symlinkSync("/deep/er", at("etc/jump"));
    writeFileSync(at("deep/found"), "yes");
    expect(await files.read("/etc/jump/../found")).toBe("yes");
    expect(await files.read("/../../../deep/found")).toBe("yes");
  });

  test.each([
    ["a link to itself", "loop"],
    ["two links to each other", "other"],
  ])("refuses %s", async (_, target) => {
    const { files, at } = guest();
    symlinkSync(target, at("etc/loop"));
    symlinkSync("loop", at("etc/other"));
    await expect(files.read("/etc/loop")).rejects.toThrow("/etc/loop in the guest: too many symbolic links");
  });

  test("refuses a FIFO at once instead of waiting for its writer", async () => {
    const { files, at } = guest();
    execFileSync("mkfifo", [at("etc/hostname")]);
    await expect(files.read("/etc/hostname")).rejects.toThrow(
      "/etc/hostname in the guest: not a regular file but a FIFO",
    );
  });

  test("refuses a directory", async () => {
    const { files } = guest();
    await expect(files.read("/etc")).rejects.toThrow("/etc in the guest: not a regular file but a directory");
  });

  test("refuses a file above the size limit without reading it", async () => {
    const { files, at } = guest();
    writeFileSync(at("etc/hostname"), "");
    truncateSync(at("etc/hostname"), 2 ** 40);
    await expect(files.read("/etc/hostname")).rejects.toThrow("larger than 1048576 bytes");
  });

  test("refuses a path too deep for its descriptors, and closes them all", async () => {
    const { files } = guest();
    const before = readdirSync("/proc/self/fd").length;
    await files.mkdir("/a".repeat(250));
    await expect(files.mkdir("/a".repeat(300))).rejects.toThrow("too deep a path");
    expect(readdirSync("/proc/self/fd").length).toBe(before);
  });

  test("writes control characters of a guest's names as escapes", async () => {
    const { files, at } = guest();
    const name = "evil\n\u001b[2Jname";
    mkdirSync(at(`etc/${name}`));
    await expect(files.read(`/etc/${name}`)).rejects.toThrow("/etc/evil\\x0a\\x1b[2Jname in the guest");
  });

  test("refuses a root that another directory has replaced", async () => {
    const { files, at } = guest();
    renameSync(at("."), `${at(".")}.old`);
    mkdirSync(at("."));
    await expect(files.read("/etc/hostname")).rejects.toThrow("no longer mounted");
  });
});

describe("writing", () => {
  test("gives a new file the wanted mode, whatever the umask", async () => {
    const { files, at } = guest();
    const umask = process.umask(0o077);
    try {
      await files.write("/etc/mailname", "web\n");
      await files.write("/etc/key", "secret", { mode: 0o600 });
      await files.write("/var/lib/new/file", "x");
    } finally {
      process.umask(umask);
    }
    expect(statSync(at("etc/mailname")).mode & 0o7777).toBe(0o644);
    expect(statSync(at("etc/key")).mode & 0o7777).toBe(0o600);
    expect(statSync(at("var/lib/new")).mode & 0o7777).toBe(0o755);
    expect(readdirSync(at("etc")).sort()).toEqual(["key", "mailname"]);
  });

  test("keeps the mode of the file it replaces, extended attributes with a host", async () => {
    const { at } = guest();
    const files = openRoot(at("."), testHost());
    writeFileSync(at("etc/hosts"), "old");
    chmodSync(at("etc/hosts"), 0o640);
    const hasAttributes = trySetAttribute(at("etc/hosts"));
    await files.write("/etc/hosts", "new");
    expect(readFileSync(at("etc/hosts"), "utf8")).toBe("new");
    expect(statSync(at("etc/hosts")).mode & 0o7777).toBe(0o640);
    if (hasAttributes) expect(attribute(at("etc/hosts"))).toBe("kept");
  });

  test("replaces a hard-linked file instead of writing through it", async () => {
    const { files, at, outside } = guest();
    linkSync(outside, at("etc/hostname"));
    await files.write("/etc/hostname", "new\n");
    expect(readFileSync(outside, "utf8")).toBe("host\n");
    expect(readFileSync(at("etc/hostname"), "utf8")).toBe("new\n");
  });

  test("writes to where a link leads inside the root, and keeps the link", async () => {
    const { files, at, outside } = guest();
    symlinkSync(outside, at("etc/hostname"));
    await files.write("/etc/hostname", "new\n");
    expect(readFileSync(outside, "utf8")).toBe("host\n");
    expect(readlinkSync(at("etc/hostname"))).toBe(outside);
    expect(readFileSync(at(outside), "utf8")).toBe("new\n");
  });

  test("makes the directories a dangling link leads to", async () => {
    const { files, at } = guest();
    symlinkSync("../run/systemd/resolve/stub-resolv.conf", at("etc/resolv.conf"));
    await files.write("/etc/resolv.conf", "nameserver 192.0.2.1\n");
    expect(readFileSync(at("run/systemd/resolve/stub-resolv.conf"), "utf8")).toContain("192.0.2.1");
  });

  test("refuses to put a file where a FIFO stands, and leaves nothing behind", async () => {
    const { files, at } = guest();
    execFileSync("mkfifo", [at("etc/hostname")]);
    await expect(files.write("/etc/hostname", "x")).rejects.toThrow("FIFO");
    expect(readdirSync(at("etc"))).toEqual(["hostname"]);
  });

  test("says which file on the way is no directory", async () => {
    const { files, at } = guest();
    writeFileSync(at("etc/network"), "");
    await expect(files.write("/etc/network/interfaces", "x")).rejects.toThrow("/etc/network is not a directory");
  });
});

describe("editing", () => {
  test("keeps bytes that are not UTF-8", async () => {
    const { files, at } = guest();
    writeFileSync(at("etc/hosts"), Buffer.from("# caf\xe9\nold\n", "latin1"));
    expect(await files.edit("/etc/hosts", (text) => text.replace("old", "new"))).toBe(true);
    expect(readFileSync(at("etc/hosts"), "latin1")).toBe("# caf\xe9\nnew\n");
  });

  test("writes nothing when nothing changes or there is no file", async () => {
    const { files, at } = guest();
    writeFileSync(at("etc/hosts"), "same");
    const before = statSync(at("etc/hosts")).ino;
    expect(await files.edit("/etc/hosts", (text) => text)).toBe(false);
    expect(await files.edit("/etc/none", () => "x")).toBe(false);
    expect(statSync(at("etc/hosts")).ino).toBe(before);
    expect(existsSync(at("etc/none"))).toBe(false);
  });
});

describe("names", () => {
  test("lists a directory sorted, and nothing for a missing one", async () => {
    const { files, at } = guest();
    for (const name of ["b", "a", ".c"]) writeFileSync(at(`etc/${name}`), "");
    expect(await files.list("/etc")).toEqual([".c", "a", "b"]);
    expect(await files.list("/nowhere")).toEqual([]);
  });

  test("removes a link, not what it leads to", async () => {
    const { files, at, outside } = guest();
    symlinkSync(outside, at("etc/link"));
    writeFileSync(at("etc/real"), "");
    symlinkSync("real", at("etc/inner"));
    expect(await files.remove("/etc/link")).toBe(true);
    expect(await files.remove("/etc/inner")).toBe(true);
    expect(await files.remove("/etc/inner")).toBe(false);
    expect(existsSync(outside) && existsSync(at("etc/real"))).toBe(true);
  });

  test("removes a directory with all in it, links as links", async () => {
    const { files, at, outside } = guest();
    mkdirSync(at("var/log/journal/id"), { recursive: true });
    symlinkSync(join(outside, ".."), at("var/log/journal/id/host"));
    writeFileSync(Buffer.concat([Buffer.from(at("var/log/journal/bad")), Buffer.from([0xff])]), "");
    expect(await files.remove("/var/log/journal", { recursive: true })).toBe(true);
    expect(existsSync(at("var/log/journal"))).toBe(false);
    expect(existsSync(outside)).toBe(true);
    await expect(files.remove("/", { recursive: true })).rejects.toThrow("the root cannot be removed");
  });

  test("tells what stands at a path, followed or not", async () => {
    const { files, at } = guest();
    writeFileSync(at("etc/real"), "12345");
    symlinkSync("real", at("etc/link"));
    symlinkSync("/gone", at("etc/dangling"));
    expect((await files.stat("/etc/link"))?.kind).toBe("file");
    expect((await files.stat("/etc/link"))?.size).toBe(5);
    expect((await files.lstat("/etc/link"))?.kind).toBe("symlink");
    expect(await files.readlink("/etc/link")).toBe("real");
    expect(await files.readlink("/etc/real")).toBeUndefined();
    expect(await files.exists("/etc/dangling")).toBe(false);
    expect((await files.stat("/"))?.kind).toBe("directory");
  });

  test("makes links and renames in place of what stands there", async () => {
    const { files, at } = guest();
    writeFileSync(at("etc/link"), "file");
    await files.symlink("/lib/unit", "/etc/link");
    await files.symlink("/lib/unit2", "/etc/wants/link");
    await files.rename("/etc/link", "/etc/moved");
    expect(readlinkSync(at("etc/moved"))).toBe("/lib/unit");
    expect(lstatSync(at("etc/wants/link")).isSymbolicLink()).toBe(true);
    await expect(files.rename("/etc/none", "/etc/x")).rejects.toThrow("cannot rename /etc/none in the guest");
  });

  test("names the guest's path in a system error", async () => {
    const { files, at } = guest();
    mkdirSync(at("etc/dir/full"), { recursive: true });
    await expect(files.remove("/etc/dir")).rejects.toThrow(
      "cannot remove /etc/dir in the guest: ENOTEMPTY: directory not empty",
    );
    rmdirSync(at("etc/dir/full"));
  });
});

function trySetAttribute(path: string): boolean {
  try {
    execFileSync("setfattr", ["-n", "user.test", "-v", "kept", path], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function attribute(path: string): string {
  return execFileSync("getfattr", ["--only-values", "-n", "user.test", path], { encoding: "utf8" });
}
