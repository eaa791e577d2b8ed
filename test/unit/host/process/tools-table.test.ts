import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { needs, packageOf, toolsFor, toolTable } from "../../../../src/host/process/tools-table.ts";

const known = new Set(toolTable.flatMap(({ commands }) => commands));

/** Commands whose argv is written somewhere in the sources, as `file: command`. */
function commandsInSources(): readonly string[] {
  return readdirSync("src", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && name !== "host/process/tools-table.ts")
    .flatMap((name) => {
      const found: string[] = [];
      const visit = (node: ts.Node): void => {
        const command = ts.isArrayLiteralExpression(node) && isArgv(node) ? headOf(node) : undefined;
        if (command !== undefined) found.push(`${name}: ${command}`);
        ts.forEachChild(node, visit);
      };
      visit(ts.createSourceFile(name, readFileSync(join("src", name), "utf8"), ts.ScriptTarget.Latest, true));
      return found;
    });
}

const runners = /^(?:run|capture|start|startConfined|captureConfined|runOnPaths)$/;

// The argument of a call that runs commands, or a list whose first word is followed by an option.
function isArgv(node: ts.ArrayLiteralExpression): boolean {
  if (ts.isCallExpression(node.parent) && runners.test(node.parent.expression.getText())) return true;
  const second = node.elements[1];
  return second !== undefined && ts.isStringLiteral(second) && second.text.startsWith("-");
}

function headOf(node: ts.ArrayLiteralExpression): string | undefined {
  const [first] = node.elements;
  return first !== undefined && ts.isStringLiteral(first) && /^[a-z]/.test(first.text) ? first.text : undefined;
}

test("every command that is run stands in the table", () => {
  const commands = commandsInSources();
  expect(commands.length).toBeGreaterThan(60);
  expect(commands.filter((found) => !known.has(found.split(": ")[1]!))).toEqual([]);
});

test("every command of the table is one that the sources name", () => {
  const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && name !== "host/process/tools-table.ts")
    .map((name) => readFileSync(join("src", name), "utf8").replaceAll(/^ *(?:\/\/|\/?\*).*$/gm, ""))
    .join("\n");
  const isNamed = (command: string): boolean =>
    new RegExp(String.raw`(?<![\w./-])${command.replaceAll(".", String.raw`\.`)}(?![\w.-])`).test(sources);
  // debootstrap runs them.
  expect([...known].filter((command) => !isNamed(command))).toEqual(["wget", "gpgv"]);
});

test("each purpose has its tools, and none of what the work can do without is required", () => {
  expect(toolsFor("swap")).toEqual([{ command: "mkswap", package: "util-linux" }]);
  expect(toolsFor("kpartx", "udev", "apt", "names")).toEqual([]);
  const used = new Set(toolTable.flatMap(({ neededBy }) => neededBy));
  expect([...used].sort()).toEqual(Object.keys(needs).sort());
});

test("a command that several purposes need is named once, with one package", () => {
  const names = toolsFor("ext", "exportExt").map(({ command }) => command);
  expect(names.filter((name) => name === "dumpe2fs" || name === "e2fsck")).toHaveLength(2);
  for (const row of toolTable) for (const command of row.commands) expect(packageOf(command)).toBe(row.package);
  expect(() => packageOf("no-such-tool")).toThrow("no-such-tool");
});
