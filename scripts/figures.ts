// npm run figures: prints how large src is and how it hangs together, as a table. CONTRIBUTING.md keeps earlier figures.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import ts from "typescript";

interface SourceFile {
  /** Below src, as `devices/attach/loop.ts`. */
  readonly path: string;
  readonly lines: number;
  /** Lines of each function that has a body, from its first to its last. */
  readonly functionLines: readonly number[];
  /** The files that it imports, types too. */
  readonly imports: readonly string[];
  /** Whether it has the name of a filesystem's type as a value of its own, to compare or to look up by it. */
  readonly namesFilesystem: boolean;
}

// Another tree may be given: npm run figures -- ../earlier/src
const src = resolve(process.argv[2] ?? join(import.meta.dirname, "../src"));

function readSource(path: string): SourceFile {
  const file = join(src, path);
  const text = readFileSync(file, "utf8");
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const nodes = descendants(tree);
  return {
    path,
    lines: text.split("\n").length - 1,
    functionLines: nodes.filter(hasBody).map((node) => lineOf(tree, node.end) - lineOf(tree, node.getStart(tree)) + 1),
    imports: tree.statements.flatMap((statement) => importedFile(file, statement)),
    namesFilesystem: nodes.some((node) => ts.isStringLiteral(node) && filesystemTypes.has(node.text)),
  };
}

function descendants(node: ts.Node): readonly ts.Node[] {
  const below: ts.Node[] = [];
  node.forEachChild((child) => {
    below.push(child, ...descendants(child));
  });
  return below;
}

// Arrows that are one expression are counted with the function around them.
function hasBody(node: ts.Node): boolean {
  return ts.isFunctionLike(node) && "body" in node && node.body !== undefined && ts.isBlock(node.body);
}

function lineOf(tree: ts.SourceFile, position: number): number {
  return tree.getLineAndCharacterOfPosition(position).line;
}

function importedFile(file: string, statement: ts.Statement): readonly string[] {
  if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) return [];
  const from = statement.moduleSpecifier;
  if (from === undefined || !ts.isStringLiteral(from) || !from.text.startsWith(".")) return [];
  const target = resolve(dirname(file), from.text);
  return existsSync(target) && target.startsWith(`${src}/`) ? [relative(src, target)] : [];
}

const filesystemTypes: ReadonlySet<string> = new Set(["ext2", "ext3", "ext4", "xfs", "btrfs"]);
/** The groups of files that import each other in a circle, each counted once. */
function circles(files: readonly SourceFile[]): readonly (readonly string[])[] {
  const imports = new Map(files.map((file) => [file.path, file.imports]));
  const reached = new Map<string, ReadonlySet<string>>(files.map(({ path }) => [path, reachable(imports, path)]));
  const inCircles = files.map(({ path }) => path).filter((path) => reached.get(path)?.has(path));
  const groups = inCircles.map((path) =>
    inCircles.filter((other) => reached.get(path)?.has(other) && reached.get(other)?.has(path)),
  );
  return [...new Map(groups.map((group) => [group.join(), group])).values()];
}

function reachable(imports: ReadonlyMap<string, readonly string[]>, from: string): ReadonlySet<string> {
  const found = new Set<string>();
  const rest = [...(imports.get(from) ?? [])];
  for (let path = rest.pop(); path !== undefined; path = rest.pop()) {
    if (found.has(path)) continue;
    found.add(path);
    rest.push(...(imports.get(path) ?? []));
  }
  return found;
}

/** The table of rooms, which has no types of its own: dependency-cruiser reads it too. */
interface Rooms {
  readonly floors: readonly (readonly { readonly room: string }[])[];
}
const { floors } = (await import(join(import.meta.dirname, "rooms.mjs"))) as Rooms;

/** The pairs of rooms between which an import goes upward, or sideways on one floor. */
function arrowsUpward(files: readonly SourceFile[]): ReadonlySet<string> {
  const pairs = files.flatMap(({ path, imports }) => imports.map((other) => [roomOf(path), roomOf(other)] as const));
  const wrong = pairs.filter(([from, to]) => from !== to && floorOf(to) <= floorOf(from));
  return new Set(wrong.map(([from, to]) => `${from} -> ${to}`));
}

function roomOf(path: string): string {
  return path.split("/", 1)[0] ?? "";
}

function floorOf(name: string): number {
  return floors.findIndex((rooms) => rooms.some(({ room }) => room === name));
}

function largestFolders(files: readonly SourceFile[]): string {
  const counts = new Map<string, number>();
  for (const { path } of files) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
  const largest = [...counts].sort(([, a], [, b]) => b - a).slice(0, 4);
  return largest.map(([folder, count]) => `${folder} ${String(count)}`).join(", ");
}

function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): string => String(sorted[Math.floor((sorted.length - 1) * share)]);
  return `${at(0.5)} / ${at(0.9)} / ${at(1)}`;
}

function main(): void {
  const paths = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));
  const files = paths.sort().map(readSource);
  const naming = files.filter((file) => file.namesFilesystem);
  const outside = naming.filter(({ path }) => !path.startsWith("filesystems/"));
  const rows: readonly (readonly [name: string, value: string])[] = [
    ["files", String(files.length)],
    ["lines", String(files.reduce((sum, { lines }) => sum + lines, 0))],
    ["lines of a file (median / p90 / max)", spread(files.map(({ lines }) => lines))],
    ["functions", String(files.flatMap(({ functionLines }) => functionLines).length)],
    ["lines of a function (median / p90 / max)", spread(files.flatMap(({ functionLines }) => functionLines))],
    ["files in the largest folders", largestFolders(files)],
    ["circles of files", String(circles(files).length)],
    ["arrows upward between rooms", String(arrowsUpward(files).size)],
    ["files that name a filesystem's type", String(naming.length)],
    ["of them outside filesystems", String(outside.length)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) process.stdout.write(`${name.padEnd(width)}  ${value}\n`);
}

main();
