import { sharedPages } from "./direct-io.ts";

/** A piece of memory that is lent until its release. */
export interface Chunk {
  readonly bytes: Buffer;
  release(): void;
}

/** A fixed number of chunks of shared memory: whoever wants one more waits until one comes back. */
export interface ChunkPool {
  readonly memory: SharedArrayBuffer;
  /** Whether the chunks begin at page boundaries, as O_DIRECT demands. */
  readonly isAligned: boolean;
  take(): Promise<Chunk>;
}

/** Makes `count` chunks of `bytes` (a multiple of the page size) each. */
export function createChunkPool(count: number, bytes: number): ChunkPool {
  const pages = sharedPages(count * bytes);
  const memory = pages ?? new SharedArrayBuffer(count * bytes);
  const free: Buffer[] = Array.from({ length: count }, (_, index) => Buffer.from(memory, index * bytes, bytes));
  const waiting: ((chunk: Buffer) => void)[] = [];
  const giveBack = (chunk: Buffer): void => {
    const next = waiting.shift();
    if (next === undefined) free.push(chunk);
    else next(chunk);
  };
  const lend = (chunk: Buffer): Chunk => {
    let isLent = true;
    return {
      bytes: chunk,
      release() {
        if (isLent) giveBack(chunk);
        isLent = false;
      },
    };
  };
  return {
    memory,
    isAligned: pages !== undefined,
    async take() {
      return lend(free.pop() ?? (await new Promise<Buffer>((resolve) => waiting.push(resolve))));
    },
  };
}
