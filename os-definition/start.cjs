// Starts an executable of this directory from the code that V8 once made of it, which saves compiling it again:
//     node start.cjs PROGRAM ARGUMENT...
// Where PROGRAM.code is missing, or was made of another program or by another node, PROGRAM runs from its text.
// Remove when node 22.1 is the oldest supported: module.enableCompileCache() does the same, without files of ours.
"use strict";
const { createHash } = require("node:crypto");
const { chmodSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } = require("node:fs");
const { basename, dirname, join, resolve } = require("node:path");
const v8 = require("node:v8");
const vm = require("node:vm");

const digestBytes = 32;

if (require.main === module) start();

function start() {
  const program = resolve(process.argv[2]);
  // As if node had been called with it.
  process.argv.splice(1, 2, program);
  const script = compiled(program);
  if (script === undefined) require(program);
  else script.runInThisContext()(module.exports, require, module, program, dirname(program));
}

/** The vm.Script of `program` and the code here, if that was made of this very text for this very node. */
function compiled(program) {
  try {
    const text = readFileSync(program);
    const file = readFileSync(join(__dirname, `${basename(realpathSync(program))}.code`));
    const code = file.subarray(digestBytes);
    if (!digest(text, code).equals(file.subarray(0, digestBytes))) return undefined;
    return new vm.Script(wrapped(text), { filename: program, cachedData: code });
  } catch {
    return undefined;
  }
}
exports.compiled = compiled;

// V8 itself compares its version, its flags and the length of the text: not the text, nor what was compiled.
function digest(text, code) {
  const { size, mtimeMs } = statSync(process.execPath);
  const node = JSON.stringify([process.versions, process.arch, size, mtimeMs]);
  return createHash("sha256").update(`${node}\n${text.length}\n`).update(text).update(code).digest();
}

// As node wraps every module; on one line, so that messages name the lines of the file.
function wrapped(text) {
  return `(function (exports, require, module, __filename, __dirname) { ${String(text).replace(/^#!.*/, "")}\n})`;
}

/** Writes PROGRAM.code for each of `programs`, for the node that runs this. */
exports.compile = (programs) => {
  for (const program of programs) {
    const text = readFileSync(program);
    // All functions, not only those that are called at once.
    v8.setFlagsFromString("--no-lazy");
    const script = new vm.Script(wrapped(text), { filename: program });
    // The flags in force now are those that V8 will compare.
    v8.setFlagsFromString("--lazy");
    const code = script.createCachedData();
    const fresh = `${program}.code.new`;
    writeFileSync(fresh, Buffer.concat([digest(text, code), code]));
    chmodSync(fresh, 0o644);
    renameSync(fresh, `${program}.code`);
  }
};
