import { hasCode } from "../errors.ts";

// ENOTDIR: a directory on the way is a file, so that nothing can stand at the path either.
const absence = ["ENOENT", "ENOTDIR"];

/** What `work` gives, or undefined when the path it was about is not there. Not for rmdir, whose ENOTDIR is a failure. */
export async function ifThere<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (hasCode(error, ...absence)) return undefined;
    throw error;
  }
}

/**
 * What `work` gives, or undefined when the path it was about is not there. `furtherCodes` count as absent too: a process
 * or a device that ends between open and read is reported by a code of its own (ESRCH, ENODEV, ENXIO).
 */
export function ifThereSync<T>(work: () => T, ...furtherCodes: readonly string[]): T | undefined {
  try {
    return work();
  } catch (error) {
    if (hasCode(error, ...absence, ...furtherCodes)) return undefined;
    throw error;
  }
}
