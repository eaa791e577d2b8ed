import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../fixtures/test-host.ts";

const root = join(import.meta.dirname, "../../..");

interface Table {
  readonly floors: readonly (readonly { readonly room: string; readonly holds: string }[])[];
  readonly subRooms: Readonly<Record<string, readonly (readonly string[])[]>>;
}
const { floors, subRooms } = (await import(join(root, "scripts/rooms.mjs"))) as Table;
const names = floors.flat().map(({ room }) => room);

/** Runs the check of the doors, as it is, over a small tree of sources. */
function checkDoors(sources: Readonly<Record<string, string>>): {
  readonly status: number | null;
  readonly output: string;
} {
  const tree = temporaryDirectory();
  for (const file of [".dependency-cruiser.mjs", "scripts/rooms.mjs", "tsconfig.json"])
    cpSync(join(root, file), join(tree, file));
  mkdirSync(join(tree, "bin"));
  for (const [path, text] of Object.entries(sources)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  const depcruise = join(root, "node_modules/.bin/depcruise");
  const { status, stdout, stderr } = spawnSync(depcruise, ["src", "bin", "--output-type", "err"], { cwd: tree });
  return { status, output: `${String(stdout)}${String(stderr)}` };
}

const host = { "src/host/process/run.ts": 'import "execa";\nexport const run = 1;\n' };

test("the check lets a room import from the floors below it, by its sub-rooms' order", () => {
  const { status, output } = checkDoors({
    ...host,
    "src/stream/pipe/input.ts": 'import { run } from "../../host/run.ts";\nexport const input = run;\n',
    "src/stream/restore/tree.ts": 'import { input } from "../pipe/input.ts";\nexport const tree = input;\n',
    "src/commands/import.ts": 'import { tree } from "../stream/restore/tree.ts";\nexport const command = tree;\n',
    "bin/import.ts": 'import { command } from "../src/commands/import.ts";\nvoid command;\n',
  });
  expect(output).toContain("no dependency violations found");
  expect(status).toBe(0);
}, 30_000);

const something = "export const x = 1;\n";
const from = (path: string): string => `export { x as y } from "${path}";\n`;

test("the check fails on each forbidden import, and names it", () => {
  const { status, output } = checkDoors({
    ...host,
    "src/devices/disk.ts": something,
    "src/host/upward.ts": from("../devices/disk.ts"),
    "src/system-image/build.ts": something,
    "src/stream/pipe/sideways.ts": from("../../system-image/build.ts"),
    "src/stream/format/manifest.ts": "export interface Manifest {\n  readonly x: string;\n}\n",
    "src/stream/pipe/type-only.ts": 'export type { Manifest } from "../format/manifest.ts";\n',
    "src/stream/export/tree.ts": something,
    "src/stream/restore/exporting.ts": from("../export/tree.ts"),
    "src/attic/old.ts": something,
    "src/host/unknown-room.ts": from("../attic/old.ts"),
    "src/host/command.ts": 'import "execa";\n',
    "test/fixture.ts": something,
    "src/host/tested.ts": from("../../test/fixture.ts"),
    "src/host/circle.ts": from("./round.ts"),
    "src/host/round.ts": `${something}import "./circle.ts";\n`,
    "bin/create.ts": from("../src/devices/disk.ts"),
  });
  const named = [...output.matchAll(/^ *error .*: (\S+) \u2192 /gm)].map(([, importer]) => importer);
  expect([...new Set(named)].sort()).toEqual([
    "bin/create.ts",
    "src/host/circle.ts",
    "src/host/command.ts",
    "src/host/tested.ts",
    "src/host/unknown-room.ts",
    "src/host/upward.ts",
    "src/stream/pipe/sideways.ts",
    "src/stream/pipe/type-only.ts",
    "src/stream/restore/exporting.ts",
  ]);
  expect(status).toBeGreaterThan(0);
}, 30_000);

test("each folder of src is in the table of rooms", () => {
  const folders = (path: string): readonly string[] =>
    readdirSync(join(root, path), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining([...folders("src")]));
  for (const room of folders("src")) {
    const levels = subRooms[room] ?? [];
    if (levels.length > 0 || !(room in subRooms))
      expect(levels.flat(), room).toEqual(expect.arrayContaining([...folders(`src/${room}`)]));
  }
});

test("docs/architecture.md shows the rooms of the table, floor by floor", () => {
  const page = readFileSync(join(root, "docs/architecture.md"), "utf8");
  const shown = [...page.matchAll(/^ {3}([a-z-]+)\/ +(.*)$/gm)].map(([, room, holds]) => ({ room, holds }));
  expect(shown).toEqual(floors.flat());
});
