import type { Readable } from "node:stream";
import { KnownError, messageOf } from "../../host/errors.ts";
import type { Host } from "../../host/host.ts";
import { type RunningCommand, start } from "../../host/process/run.ts";
import { requireTools } from "../../host/process/tools.ts";
import { descriptorSource } from "./byte-source.ts";
import { streamSink } from "./byte-sink.ts";
import { type Compression, compressionTools, decompressCommand, detectCompression } from "./compression.ts";

// The longest record by which a format is known: that of dump(8).
const headBytes = 1024;

/** A backup that comes in, decompressed. */
export interface Input extends AsyncDisposable {
  readonly compression: Compression;
  /** Its first bytes: a whole record of any format, or all there is. */
  readonly head: Buffer;
  /** All its bytes, the head included. Throws CommandError when they cannot be decompressed. Iterate once. */
  readonly chunks: AsyncIterable<Buffer>;
}

/** The bytes of a backup as they come, before it is known what they are. */
export interface Source extends AsyncDisposable {
  readonly head: Buffer;
  readonly chunks: AsyncIterable<Buffer>;
}

/** Waits for the first bytes of the backup on a descriptor of ours. Throws the signal's reason
 * when that came first, KnownError for what cannot be read (a directory). */
export async function awaitSource(host: Host, descriptor: number): Promise<Source> {
  const source = descriptorSource(descriptor, host.signal);
  try {
    return { ...(await withHead(source)), [Symbol.asyncDispose]: () => close(source) };
  } catch (error) {
    await close(source);
    host.signal.throwIfAborted();
    throw new KnownError(`the backup cannot be read from stdin: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Finds out how a backup is compressed. Throws KnownError for an empty one, MissingToolsError where the node cannot
 * decompress it.
 */
export async function openInput(host: Host, source: Source): Promise<Input> {
  if (source.head.length === 0) {
    throw new KnownError("the backup is empty: not a byte came on stdin", {
      hint: "look at the log of the export, and at what connects it to this import",
    });
  }
  const compression = detectCompression(source.head);
  if (compression === "none")
    return { compression, head: source.head, chunks: source.chunks, [Symbol.asyncDispose]: () => Promise.resolve() };
  requireTools(host, compressionTools(compression));
  const decompressor = start(host, decompressCommand(compression), { stdin: "pipe", stdout: "pipe" });
  const inner = await withHead(decompressed(host, source.chunks, decompressor));
  return {
    compression,
    ...inner,
    async [Symbol.asyncDispose]() {
      decompressor.kill();
      // Nobody reads the rest: unread, it would keep the pipe open, and `done` waiting.
      decompressor.stdout?.destroy();
      decompressor.stdin?.destroy();
      await decompressor.done.catch(() => undefined);
    },
  };
}

async function withHead(source: AsyncIterable<Buffer>): Promise<Pick<Input, "head" | "chunks">> {
  const iterator = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < headBytes) {
    const next = await iterator.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  return { head, chunks: continued(head, iterator) };
}

async function* continued(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  if (head.length > 0) yield head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

async function* decompressed(
  host: Host,
  chunks: AsyncIterable<Buffer>,
  { stdin, stdout, done }: RunningCommand,
): AsyncGenerator<Buffer, void, undefined> {
  if (stdin === undefined || stdout === undefined) throw new Error("the decompressor has no pipes");
  const fed = feed(host, chunks, stdin);
  // Told below, and not before the decompressor has said what it thinks of its input.
  fed.catch(() => undefined);
  done.catch(() => undefined);
  yield* stdout as AsyncIterable<Buffer>;
  await done;
  await fed;
}

async function feed(
  host: Host,
  chunks: AsyncIterable<Buffer>,
  stdin: NonNullable<RunningCommand["stdin"]>,
): Promise<void> {
  const sink = streamSink(stdin, host.signal);
  for await (const chunk of chunks) await sink.write(chunk);
  await sink.end();
}

function close(source: Readable): Promise<void> {
  source.on("error", () => undefined);
  source.destroy();
  return Promise.resolve();
}
