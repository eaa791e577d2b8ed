/**
 * Why `name` is not a valid name of an instance, or undefined. Names become parts of file names and of lines in the
 * guest's files. A name that begins with a dash is a flag after another flag whose value was forgotten.
 */
export function nameProblem(name: string): string | undefined {
  if (name === "") return "is empty";
  if (name.includes("/")) return `contains a slash: ${JSON.stringify(name)}`;
  if (/[\s\p{Cc}]/u.test(name)) return `contains a space, a newline or a control character: ${JSON.stringify(name)}`;
  if (name.startsWith("-")) return `begins with a dash: ${JSON.stringify(name)}`;
  if (name === "." || name === "..") return `is not a host name: ${JSON.stringify(name)}`;
  return undefined;
}
