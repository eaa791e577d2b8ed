const mebibyte = 1024 * 1024;

/**
 * Bytes as messages show them: `512 MiB`, `1.5 MiB`, to a tenth. Round what is there down (Math.floor) and what is needed
 * up (Math.ceil), so that the two never look alike where one is the smaller.
 */
export function mebibytes(bytes: number, round: (value: number) => number = Math.round): string {
  return `${String(round((bytes / mebibyte) * 10) / 10)} MiB`;
}
