import { KnownError } from "../../host/errors.ts";

/** Records of a dump stream have 1024 bytes. */
export const dumpRecord = 1024;

/** Checks the structure of a dump(8) stream that comes in chunks of any size. */
export interface DumpScanner {
  /** Takes the next bytes. Throws KnownError when they break the structure. */
  push(chunk: Buffer): void;
  /** Call at the end of the stream. Throws KnownError when it is not complete. */
  finish(): DumpSummary;
}

export interface DumpSummary {
  /** Inodes dumped, directories included. */
  readonly inodes: number;
  /** Bytes of the records. */
  readonly bytes: number;
}

// struct s_spcl of <protocols/dumprestore.h>, dump 0.4b47: byte offsets, little-endian as all of Linux's dump writes.
const offset = { type: 0, tapeRecord: 16, inode: 20, magic: 24, count: 160, map: 164, flags: 888, attributes: 900 };
const type = { tape: 1, inode: 2, bits: 3, addr: 4, end: 5, clri: 6 };
const magic = 60012;
const checksum = 84446;
const compressed = 0x80;
const extendedAttributes = 0x8000;
const mapLength = 512;

/** Whether a stream that begins with `head` (at least one record) is one of dump(8). */
export function isDump(head: Buffer): boolean {
  return (
    head.length >= dumpRecord &&
    head.readUInt32LE(offset.magic) === magic &&
    head.readUInt32LE(offset.type) === type.tape
  );
}

/**
 * A scanner for a full, single-volume dump: every header has its magic number, checksum and place in the sequence, all
 * inodes of the dump's own map are there, and the end record is. The data of files has no checksum in this format.
 */
export function createDumpScanner(): DumpScanner {
  let partial = Buffer.alloc(0);
  let records = 0;
  let dataRecords = 0;
  let mapRecords = 0;
  let expected = 0;
  let inodes = 0;
  let lastInode = 0;
  let ended = false;

  const onRecord = (record: Buffer): void => {
    if (dataRecords > 0) {
      dataRecords -= 1;
      return;
    }
    if (mapRecords > 0) {
      mapRecords -= 1;
      expected += ones(record);
      return;
    }
    onHeader(record);
  };

  const onHeader = (record: Buffer): void => {
    const kind = checkedType(record, records);
    if (ended && kind !== type.end) throw broken("a record stands behind the end record");
    if ((records === 0) !== (kind === type.tape)) throw broken("the volume header is missing or stands twice");
    if (kind === type.end) ended = true;
    else if (kind === type.bits) mapRecords = record.readUInt32LE(offset.count);
    else if (kind === type.clri) dataRecords = record.readUInt32LE(offset.count);
    else if (kind !== type.tape) onInode(record, kind);
  };

  const onInode = (record: Buffer, kind: number): void => {
    dataRecords = presentRecords(record);
    const inode = record.readUInt32LE(offset.inode);
    const isAttribute = (record.readUInt32LE(offset.flags) & extendedAttributes) !== 0;
    if (kind !== type.inode || (isAttribute && record.readUInt32LE(offset.attributes) !== 0)) {
      if (inode !== lastInode) throw broken("a file's continuation belongs to another file");
      return;
    }
    lastInode = inode;
    inodes += 1;
  };

  return {
    push(chunk) {
      let at = 0;
      while (at < chunk.length) {
        const end = at + dumpRecord - partial.length;
        if (end > chunk.length) {
          partial = Buffer.concat([partial, chunk.subarray(at)]);
          return;
        }
        const piece = chunk.subarray(at, end);
        onRecord(partial.length === 0 ? piece : Buffer.concat([partial, piece]));
        partial = Buffer.alloc(0);
        records += 1;
        at = end;
      }
    },
    finish() {
      if (records === 0) throw broken("it is empty");
      if (!ended || partial.length > 0) throw broken("its end record is missing: it was cut off");
      if (inodes !== expected) throw broken(`it names ${String(expected)} files, but holds ${String(inodes)}`);
      return { inodes, bytes: records * dumpRecord };
    },
  };
}

function checkedType(record: Buffer, position: number): number {
  let sum = 0;
  for (let at = 0; at < dumpRecord; at += 4) sum = (sum + record.readUInt32LE(at)) >>> 0;
  if (record.readUInt32LE(offset.magic) !== magic || sum !== checksum) {
    throw broken(`record ${String(position)} is damaged`);
  }
  if ((record.readUInt32LE(offset.flags) & compressed) !== 0) {
    throw broken("it is compressed by dump itself (-z or -j), which is not supported");
  }
  if (record.readUInt32LE(offset.tapeRecord) !== position) {
    throw broken(`record ${String(position)} is out of sequence`);
  }
  const kind = record.readUInt32LE(offset.type);
  if (kind < type.tape || kind > type.clri) throw broken(`record ${String(position)} is of an unknown type`);
  return kind;
}

// One byte per record of the file: zero stands for a hole.
function presentRecords(record: Buffer): number {
  const count = record.readUInt32LE(offset.count);
  if (count > mapLength) throw broken("a file's map is too long");
  return record.subarray(offset.map, offset.map + count).filter((byte) => byte !== 0).length;
}

function ones(record: Buffer): number {
  let sum = 0;
  for (const byte of record) for (let rest = byte; rest > 0; rest &= rest - 1) sum += 1;
  return sum;
}

function broken(what: string): KnownError {
  return new KnownError(`the dump stream is damaged: ${what}`);
}
