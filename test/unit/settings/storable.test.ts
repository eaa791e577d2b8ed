import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { expect, it } from "vitest";
import { storageProblem } from "../../../src/settings/storable.ts";

const python = spawnSync("python3", ["-c", "import configparser"]).status === 0;

// As Ganeti does it: objects.SerializableConfigParser writes and reads, backend.FinalizeExport sets.
const roundTrip = `
import configparser, io, json, sys
kept = []
for value in json.load(sys.stdin):
    try:
        parser = configparser.ConfigParser()
        parser.add_section("os")
        parser.set("os", "name", str(value))
        text = io.StringIO()
        parser.write(text)
        again = configparser.ConfigParser()
        again.read_file(io.StringIO(text.getvalue(), newline=None))
        kept.append(again.get("os", "name") == value)
    except (ValueError, configparser.Error):
        kept.append(False)
json.dump(kept, sys.stdout)
`;

function isKept(values: readonly string[]): readonly boolean[] {
  const { stdout } = spawnSync("python3", ["-c", roundTrip], { input: JSON.stringify(values), encoding: "utf8" });
  return JSON.parse(stdout) as readonly boolean[];
}

const character = fc.constantFrom(...Array.from("ab%;#\n\r\t =:[](){}\\\"'$,ä\u00a0\u2028\u0085\u001c\u001f\v\f"));
const value = fc.string({ unit: character, minLength: 1, maxLength: 12 });

it.skipIf(!python)("takes only what Python's configparser gives back as it was (needs python3)", () => {
  const values = fc.sample(value, { numRuns: 20_000, seed: 1 }).filter((text) => storageProblem(text) === undefined);
  expect(values.length).toBeGreaterThan(2000);
  const kept = isKept(values);
  expect(values.filter((_, index) => kept[index] !== true)).toEqual([]);
});

it.each(["a;b", "a\nb\nc", "a\n\nb", "x=y", "[os]", "key: value", "größe", "a b"])("takes %j", (text) => {
  expect(storageProblem(text)).toBeUndefined();
});
