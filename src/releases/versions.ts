/** Compares versions such as `6.12` and `2.02~beta2`, number by number; `~` sorts before the release. Negative, 0 or positive. */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [numbersOf(left), numbersOf(right)];
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

// beta2 of 2.02 is 2.01 and a bit: one number back, then counting.
function numbersOf(version: string): readonly number[] {
  const [release = "", preview] = version.split("~");
  const numbers = release.split(".").map(Number);
  if (preview === undefined) return numbers;
  const last = numbers.pop() ?? 0;
  return [...numbers, last - 1, Number(/\d+/.exec(preview)?.[0] ?? 0)];
}
