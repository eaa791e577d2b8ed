/**
 * Compares versions such as `6.12` and `2.02~beta2`, number by number; `~` sorts before the release. Negative, 0 or
 * positive.
 */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [numbersOf(left), numbersOf(right)];
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

// 2.02~beta2 counts as 2.01 and a second version after it: the last number goes back by one, then the beta's follows.
function numbersOf(version: string): readonly number[] {
  const [release = "", preview] = version.split("~");
  const numbers = release.split(".").map(Number);
  if (preview === undefined) return numbers;
  const last = numbers.pop() ?? 0;
  return [...numbers, last - 1, Number(/\d+/.exec(preview)?.[0] ?? 0)];
}
