import { constants } from "node:fs";
import { access, open, stat } from "node:fs/promises";
import { machine } from "node:os";
import { join } from "node:path";
import type { Host } from "../host/host.ts";
import { run } from "../host/run.ts";

/** Debian's names by those of uname(2), where they differ. */
const debianNames: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  aarch64: "arm64",
  armv5tel: "armel",
  armv6l: "armel",
  armv7l: "armhf",
  armv8l: "armhf",
  ppc64le: "ppc64el",
  loongarch64: "loong64",
  mips64: "mips64el",
};

/** Debian's names by class, data encoding and machine of an ELF file (elf(5)); of ARM's two, dpkg itself is asked. */
const debianNamesOfElf: Readonly<Record<string, string>> = {
  "1 1 3": "i386",
  "2 1 62": "amd64",
  "2 1 183": "arm64",
  "2 1 21": "ppc64el",
  "2 2 22": "s390x",
  "2 1 243": "riscv64",
};

/** The node's architecture by Debian's name; from the kernel where the node has no dpkg. */
export async function nodeArchitecture(host: Host): Promise<string> {
  // What Debian's dpkg prints is what it was built for, and that can be seen without waiting for a process.
  const seen = await architectureOfProgram(host, "dpkg");
  if (seen !== undefined) return seen;
  const { stdout, exitCode } = await run(host, ["dpkg", "--print-architecture"], { accept: [0, 1, 2, 126, 127] });
  return exitCode === 0 && stdout !== "" ? stdout : architectureOfMachine(machine());
}

async function architectureOfProgram(host: Host, name: string): Promise<string | undefined> {
  for (const directory of host.path.split(":")) {
    const path = join(directory, name);
    if (await isProgram(path)) return await architectureOfFile(path);
  }
  return undefined;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

const elfHeadBytes = 20;

async function architectureOfFile(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(elfHeadBytes), 0, elfHeadBytes, 0);
    return architectureOfElf(buffer.subarray(0, bytesRead));
  } catch {
    // Whatever it is, dpkg itself tells when it is run.
    return undefined;
  }
}

/** Debian's name of what an ELF file runs on, by its first 20 bytes; undefined for what dpkg must be asked. */
export function architectureOfElf(head: Buffer): string | undefined {
  if (head.length < elfHeadBytes || head.toString("latin1", 0, 4) !== "\x7fELF") return undefined;
  const [fileClass = 0, encoding = 0] = head.subarray(4);
  const machine = encoding === 1 ? head.readUInt16LE(18) : head.readUInt16BE(18);
  return debianNamesOfElf[`${String(fileClass)} ${String(encoding)} ${String(machine)}`];
}

/** Debian's name of an architecture that uname(2) calls `name`. */
export function architectureOfMachine(name: string): string {
  return /^i[3-6]86$/.test(name) ? "i386" : (debianNames[name] ?? name);
}
