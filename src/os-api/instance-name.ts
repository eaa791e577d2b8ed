/**
 * What is wrong with `name` as the name of an instance, or undefined. Names come to stand in file names and in lines of
 * the guest's files, and one that begins with a dash is a flag whose value was forgotten.
 */
export function nameProblem(name: string): string | undefined {
  if (name === "") return "is empty";
  if (name.includes("/")) return `contains a slash: ${JSON.stringify(name)}`;
  if (/[\s\p{Cc}]/u.test(name)) return `contains a space, a newline or a control character: ${JSON.stringify(name)}`;
  if (name.startsWith("-")) return `begins with a dash: ${JSON.stringify(name)}`;
  if (name === "." || name === "..") return `is no host name: ${JSON.stringify(name)}`;
  return undefined;
}
