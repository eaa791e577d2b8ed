/**
 * Splits `text` into words as a shell does: at blanks, with quotes and backslashes. It expands nothing, because the
 * shell that evaluated the settings file has done so already. Undefined when a quote is left open.
 */
export function shellWords(text: string): readonly string[] | undefined {
  const words: string[] = [];
  let rest = text.trimStart();
  while (rest !== "") {
    const word = firstWord.exec(rest)?.[0];
    if (word === undefined) return undefined;
    words.push(unquote(word));
    rest = rest.slice(word.length);
    if (rest !== "" && !/^\s/.test(rest)) return undefined;
    rest = rest.trimStart();
  }
  return words;
}

const part = /'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\([^])|([^\s'"\\]+)/;
const firstWord = new RegExp(`^(?:${part.source})+`);

function unquote(word: string): string {
  return word.replaceAll(
    new RegExp(part, "g"),
    (_, single?: string, double?: string, escaped?: string, plain?: string) =>
      single ?? double?.replaceAll(/\\(["\\$`])/g, "$1") ?? escaped ?? plain ?? "",
  );
}

/**
 * Splits a list of names at commas and blanks, because debootstrap, apt and the original each allow them somewhere, and
 * at semicolons, because Ganeti splits `-O` at commas.
 */
export function listItems(text: string): readonly string[] {
  return text.split(/[\s,;]+/).filter((item) => item !== "");
}
