/**
 * Why Ganeti cannot keep `value`, a public or private OS parameter; undefined when it can. `gnt-backup export` writes
 * them with Python's configparser. That fails at a `%` (it interpolates), strips blanks and control characters from
 * both ends of every line, and skips lines that look like comments.
 */
export function storageProblem(value: string): string | undefined {
  if (value.includes("%")) return "a value with % makes gnt-backup export fail";
  if (/[^\P{Cc}\n\t]/u.test(value))
    return "control characters other than newlines and tabs are lost in gnt-backup export";
  const lines = value.split("\n");
  if (lines.some((line) => line !== line.trim())) {
    return "blanks at the beginning or end of a line are lost in gnt-backup export";
  }
  if (lines.at(0) === "" || lines.at(-1) === "") return "newlines at both ends are lost in gnt-backup export";
  if (lines.slice(1).some((line) => /^[#;]/.test(line))) {
    return "a later line that begins with # or ; is lost in gnt-backup export";
  }
  return undefined;
}
