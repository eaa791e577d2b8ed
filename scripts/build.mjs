// Bundles each entry point of bin/ into os-definition/, which is then a complete OS definition.
import { execFileSync } from "node:child_process";
import {
  accessSync,
  chmodSync,
  constants,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { basename, delimiter, dirname, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const entries = resolve(process.argv[2] ?? join(root, "bin"));
const output = resolve(process.argv[3] ?? join(root, "os-definition"));

const names = readdirSync(entries)
  .filter((name) => name.endsWith(".ts"))
  .map((name) => basename(name, ".ts"));
const result = await build({
  absWorkingDir: root,
  // For entries outside this tree, as the tests have them.
  nodePaths: [join(root, "node_modules")],
  entryPoints: names.map((name) => join(entries, `${name}.ts`)),
  outdir: output,
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node18",
  charset: "ascii",
  legalComments: "none",
  metafile: true,
  write: false,
  logLevel: "warning",
});
const head = headOf(output);
mkdirSync(output, { recursive: true });
for (const file of result.outputFiles) {
  replace(join(output, basename(file.path, ".js")), head + withoutDirective(file.text), 0o755);
}
compile(names.map((name) => join(output, name)));
replace(join(output, "THIRD-PARTY-LICENSES"), licenses(Object.keys(result.metafile.inputs)), 0o644);

/**
 * Leaves beside each program the code that V8 makes of it (os-definition/start.cjs); by the node that will run them. Goes
 * together with start.cjs, as soon as node 22.1 is the oldest.
 */
function compile(programs) {
  const script = "require(process.argv[1]).compile(process.argv.slice(2))";
  // As the head does: options of V8 would be options of the code, which is then refused.
  const { NODE_OPTIONS: _, ...env } = process.env;
  execFileSync(nodePath(), ["-e", script, join(root, "os-definition/start.cjs"), ...programs], {
    stdio: "inherit",
    env,
  });
}

function headOf(osDir) {
  const text = readFileSync(join(root, "scripts", "head.sh"), "utf8");
  return text
    .replace("@NODE@", () => nodePath())
    .replace("@START@", () => join(osDir, "start.cjs"))
    .replace("@OS_DIR@", () => osDir);
}

// The head has it already: a directive must be the first statement.
function withoutDirective(text) {
  return text.replace(/^"use strict";\n/, "");
}

/** NODE as it was told, or the node that stands on the PATH: not process.execPath, which has symlinks resolved. */
function nodePath() {
  const told = process.env.NODE;
  if (told !== undefined && isAbsolute(told)) return told;
  const found = (process.env.PATH ?? "")
    .split(delimiter)
    .filter((directory) => isAbsolute(directory))
    .map((directory) => join(directory, "node"))
    .find(isExecutable);
  return found ?? process.execPath;
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The licences of the packages that `inputs` come from: they are part of what is installed. */
function licenses(inputs) {
  const packages = new Set(
    inputs.flatMap((input) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []),
  );
  return [...packages].sort().map(licenseOf).join("\n");
}

function licenseOf(directory) {
  const manifest = JSON.parse(readFileSync(join(root, directory, "package.json"), "utf8"));
  const file = readdirSync(join(root, directory)).find((name) => /^licen[cs]e(\.|$)/i.test(name));
  const text = file === undefined ? `${manifest.license}\n` : readFileSync(join(root, directory, file), "utf8");
  return `=== ${manifest.name} ${manifest.version} (${manifest.license})\n\n${text}`;
}

// A create that starts meanwhile finds the old file or the new one, never half of it; any umask may be in force.
function replace(path, text, mode) {
  const fresh = `${path}.new`;
  writeFileSync(fresh, text);
  chmodSync(fresh, mode);
  renameSync(fresh, path);
}
