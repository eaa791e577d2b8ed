/** One element of a pattern: any run of characters, or a test of a single one. */
type Element = "*" | ((character: string) => boolean);

/**
 * Whether `name`, one component of a path, matches the shell pattern (glob(7)) of one component. In time proportional
 * to both lengths: the pattern is a guest's, and one turned into a regular expression could run for ever.
 */
export function matchesWildcard(name: string, pattern: string): boolean {
  if (name.startsWith(".") && !pattern.startsWith(".")) return false;
  const elements = parse(pattern);
  let at = 0;
  let element = 0;
  let star: { readonly element: number; at: number } | undefined;
  while (at < name.length) {
    const current = elements[element];
    if (current === "*") {
      star = { element, at };
      element++;
    } else if (current?.(name.charAt(at)) === true) {
      at++;
      element++;
    } else if (star !== undefined) {
      // The last star takes one character more.
      at = ++star.at;
      element = star.element + 1;
    } else {
      return false;
    }
  }
  return elements.slice(element).every((rest) => rest === "*");
}

function parse(pattern: string): readonly Element[] {
  const tokens = pattern.match(/\[[!^]?\]?[^\]]*\]|\\.|[^]/g) ?? [];
  return tokens.map((token) => {
    if (token === "*") return "*";
    if (token === "?") return () => true;
    if (token.length > 2 && token.startsWith("[")) return bracket(token.slice(1, -1));
    const literal = token.length === 2 ? token.slice(1) : token;
    return (character) => character === literal;
  });
}

function bracket(body: string): (character: string) => boolean {
  const negated = /^[!^]/.test(body);
  const ranges = (negated ? body.slice(1) : body).match(/[^]-[^]|[^]/g) ?? [];
  const inRange = (character: string): boolean =>
    ranges.some((range) => character >= range.charAt(0) && character <= range.charAt(range.length - 1));
  return (character) => inRange(character) !== negated;
}
