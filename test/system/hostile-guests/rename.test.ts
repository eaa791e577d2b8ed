import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { rename } from "../../../src/commands/rename.ts";
import { KnownError } from "../../../src/host/errors.ts";
import type { RenameRequest } from "../../../src/os-api/request.ts";
import { testConfig } from "../../fixtures/config.ts";
import {
  diskOfTree,
  type HostileGuest,
  hostileGuests,
  hostileNames,
  makeHostileTree,
  makeVictim,
  stateOf,
} from "../../fixtures/hostile-guests.ts";
import { fakeCommands, temporaryDirectory, testHost } from "../../fixtures/test-host.ts";

/** A rename holds Ganeti's locks: what a guest can make it cost must have an end. */
const limitSeconds = 60;

const resolver = `case "$1 $3" in
"ahostsv4 web.example.com") echo "10.0.0.1 STREAM x";;
"ahostsv4 shop.example.net") echo "10.0.0.2 STREAM x";;
*) exit 2;; esac`;

const guests: readonly (readonly [string, HostileGuest])[] = hostileGuests.map((guest) => [guest.name, guest]);

test.each(guests)(
  "a guest with %s changes nothing on the node when it is renamed",
  async (_, guest) => {
    const directory = temporaryDirectory();
    const victim = makeVictim(join(directory, "node"));
    const tree = join(directory, "tree");
    makeHostileTree(tree, guest, victim);
    const disk = diskOfTree(join(directory, "disk"), tree);
    rmSync(tree, { recursive: true });
    const before = stateOf(victim, "/etc", "/boot");

    const host = testHost({ path: fakeCommands({ getent: resolver }).path, verbose: false });
    const failure = await failureOf(rename(host, requestFor(disk), testConfig(join(directory, "cache"))));

    expect(stateOf(victim, "/etc", "/boot")).toBe(before);
    if (guest.rename === "renamed") expect(failure).toBeUndefined();
    else expect(failure).toContain(guest.rename);
    expect(`${failure ?? ""}${host.logged()}`).not.toMatch(/[^\n\x20-\x7e]|\/proc\/self/);
    expect(execFileSync("e2fsck", ["-fn", disk], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })).toContain(
      "%",
    );
    if (guest.check !== undefined) inspect(disk, guest.check, victim);
  },
  limitSeconds * 1000,
);

async function failureOf(work: Promise<void>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(KnownError);
    return (error as KnownError).message;
  }
}

function requestFor(disk: string): RenameRequest {
  return {
    action: "rename",
    apiVersion: 5,
    instance: { name: hostileNames.newName, hypervisor: undefined, hypervisorParameters: {}, disks: [], nics: [] },
    oldName: hostileNames.oldName,
    disk,
    swapDevice: undefined,
    debug: false,
    variant: undefined,
    osParameters: {},
    environment: {},
  };
}

// Without debugfs' help: the tree is looked at as the guest would see it, with its own root.
function inspect(disk: string, check: string, victim: string): void {
  const script = `dir=$(mktemp -d); mount -o loop,ro,nosuid,nodev,noexec "$1" "$dir"; cd "$dir"
    eval "$2"; status=$?; cd /; umount "$dir"; rmdir "$dir"; exit $status`;
  execFileSync("unshare", ["--mount", "bash", "-c", script, "bash", disk, check], {
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", host: victim },
    stdio: ["ignore", "ignore", "inherit"],
  });
}
