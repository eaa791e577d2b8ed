import type { StageResult } from "./answer.ts";

/**
 * Why a settings file was not evaluated to its end, with file and line where known; empty when it was. `said` holds the
 * last lines that were printed: bash names the file and the line of most errors there.
 */
export function fileProblem(file: string, { how, status, line }: StageResult, said: string): readonly string[] {
  if (how === "end" || status === 0) return [];
  if (how === "exit") return [`${file} ended the shell with exit status ${String(status)}`];
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
    // The second line of a syntax error quotes the source.
    .findLast((text) => text.startsWith(prefix) && !/: line [0-9]+: `.*'$/.test(text));
  const match = /^([0-9]+): (.*)$/.exec(last?.slice(prefix.length) ?? "");
  return match === null ? undefined : { line: Number(match[1]), message: match[2] ?? "" };
}
