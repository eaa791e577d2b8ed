/** Where a file of the cache is written before it is complete. */
export function partialPath(path: string): string {
  return `${path}.partial`;
}
