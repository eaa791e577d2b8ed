import { describe, expect, it } from "vitest";
import { listItems, shellWords } from "../../../src/settings/words.ts";

describe("shellWords", () => {
  it.each([
    ["", []],
    ["   ", []],
    ["--variant=minbase", ["--variant=minbase"]],
    ["  -a   -b\t-c\n", ["-a", "-b", "-c"]],
    [`--aptopt='Apt::Install-Recommends "true"'`, [`--aptopt=Apt::Install-Recommends "true"`]],
    [`"a b"'c d'e\\ f`, ["a bc de f"]],
    [`"say \\"hi\\" \\n"`, [`say "hi" \\n`]],
    [`''`, [""]],
    [`$HOME *`, ["$HOME", "*"]],
  ])("splits %j as a shell does", (text, words) => {
    expect(shellWords(text)).toEqual(words);
  });

  it.each([`"open`, `'open`, `a "b`, `trailing\\`])("finds the open quote of %j", (text) => {
    expect(shellWords(text)).toBeUndefined();
  });
});

describe("listItems", () => {
  it.each([
    ["", []],
    [",, ,", []],
    ["a,b", ["a", "b"]],
    [" a b ,c\n d ", ["a", "b", "c", "d"]],
  ])("splits %j at commas and blanks", (text, items) => {
    expect(listItems(text)).toEqual(items);
  });
});
