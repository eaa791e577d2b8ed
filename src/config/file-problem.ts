import type { StageResult } from "./answer.ts";

/**
 * What kept a settings file from being evaluated to its end, with file and line where known; empty when nothing did.
 * `said` are the last lines that were printed: bash names file and line of most errors there.
 */
export function fileProblem(file: string, { how, status, line }: StageResult, said: string): readonly string[] {
  if (how === "end" || status === 0) return [];
  if (how === "exit") return [`${file} ended itself with exit status ${String(status)}`];
  const words = lastWords(file, said);
  if (words !== undefined && (line === undefined || words.line === line)) {
    return [`${file} line ${String(words.line)}: ${words.message}`];
  }
  const place = line === undefined ? file : `${file} line ${String(line)}`;
  return [`${place}: a command failed with exit status ${String(status)}`];
}

function lastWords(file: string, said: string): { readonly line: number; readonly message: string } | undefined {
  const prefix = `${file}: line `;
  const last = said
    .split("\n")
    // The second line of an error of syntax quotes the source.
    .findLast((text) => text.startsWith(prefix) && !/: line [0-9]+: `.*'$/.test(text));
  const match = /^([0-9]+): (.*)$/.exec(last?.slice(prefix.length) ?? "");
  return match === null ? undefined : { line: Number(match[1]), message: match[2] ?? "" };
}
