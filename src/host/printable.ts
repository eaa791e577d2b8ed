/**
 * Makes `text` from a guest safe for our log: control characters (line breaks, terminal escapes) become `\xNN`, and the
 * text is cut after `limit` characters. A guest chooses its file names and contents, and Ganeti's user reads the log.
 */
export function printable(text: string, limit = 200): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}...` : text;
  return cut.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffd]/gu, escaped);
}

const longestLine = 4000;

/**
 * Text for the log, of whatever origin: line breaks and tabs stay, other control characters are written as in
 * {@link printable}, long lines are cut, as is what exceeds `mostLines`. A carriage return alone, as of a progress bar, ends a line.
 */
export function printableLines(text: string, mostLines = Infinity): string {
  const lines = text.replaceAll(/\r\n?/g, "\n").split("\n");
  const more = lines.length - mostLines;
  return [...lines.slice(0, mostLines), ...(more > 0 ? [`... (${String(more)} more lines)`, ""] : [])]
    .map((line) =>
      line
        .split("\t")
        .map((word) => printable(word, longestLine))
        .join("\t"),
    )
    .join("\n");
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
}
