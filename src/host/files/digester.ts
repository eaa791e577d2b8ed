import { Worker } from "node:worker_threads";
import type { Owned } from "../disposal.ts";

/** Makes SHA-256 digests on a thread of its own, while this one reads and writes. */
export interface Digester extends Owned {
  /** The digest, in hexadecimal, of bytes in the memory that was given; they must stay as they are until it is there. */
  sha256(bytes: Uint8Array): Promise<string>;
}

// Bundles are one file each, so the thread's program is a text. WebCrypto, whose digests run beside this thread as well,
// copies what it is given, which costs this thread more than hashing it would.
const program = `
const { parentPort, workerData } = require("node:worker_threads");
const { createHash } = require("node:crypto");
parentPort.on("message", ([at, length]) => {
  parentPort.postMessage(createHash("sha256").update(new Uint8Array(workerData, at, length)).digest("hex"));
});`;

/** Starts a thread that sees `memory`. The release ends it; a digest that is under way then is rejected. */
export function startDigester(memory: SharedArrayBuffer): Digester {
  const worker = new Worker(program, { eval: true, workerData: memory });
  const waiting: { readonly resolve: (digest: string) => void; readonly reject: (error: Error) => void }[] = [];
  let failure: Error | undefined;
  // It answers in the order it was asked.
  worker.on("message", (digest: string) => waiting.shift()?.resolve(digest));
  const fail = (error: Error): void => {
    failure = error;
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  worker.on("error", fail);
  worker.unref();
  return {
    async sha256(bytes) {
      if (failure !== undefined) throw failure;
      return await new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        worker.ref();
        worker.postMessage([bytes.byteOffset, bytes.byteLength]);
      });
    },
    async [Symbol.asyncDispose]() {
      await worker.terminate();
      fail(new Error("the thread that makes digests has ended"));
    },
  };
}
