/**
 * The one of `names` that `name` was probably meant to be. At most a third of its letters, and no more than four, may
 * be wrong, missing, extra or swapped. Underscores and a leading OSP_ do not count. Undefined when none is near.
 */
export function nearestName<Name extends string>(name: string, names: readonly Name[]): Name | undefined {
  const near = names
    .map((candidate) => ({ candidate, distance: editDistance(bare(name), bare(candidate)) }))
    .filter(({ candidate, distance }) => distance <= tolerance(name, candidate))
    .sort((a, b) => a.distance - b.distance);
  return near[0]?.candidate;
}

function bare(name: string): string {
  return name.replace(/^OSP_/, "").replaceAll("_", "");
}

function tolerance(a: string, b: string): number {
  return Math.min(4, Math.floor(Math.max(bare(a).length, bare(b).length) / 3));
}

// The distance of Damerau and Levenshtein, with swaps of neighbours only. Fifteen lines do not justify a dependency.
function editDistance(a: string, b: string): number {
  let [before, last]: readonly (readonly number[])[] = [[], Array.from({ length: b.length + 1 }, (_, index) => index)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(before, j - 2) + 1 : Infinity;
      row.push(Math.min(at(last, j) + 1, at(row, j - 1) + 1, replaced, swapped));
    }
    [before, last] = [last, row];
  }
  return at(last, b.length);
}

function at(row: readonly number[] | undefined, index: number): number {
  return row?.[index] ?? Infinity;
}
