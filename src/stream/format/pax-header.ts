import { KnownError } from "../../host/errors.ts";

/** What an extended header of pax says about the member behind it, as far as it matters here. */
export interface PaxAttributes {
  readonly path?: string;
  readonly linkPath?: string;
  readonly size?: number;
}

/**
 * Decodes the records `LENGTH KEY=VALUE\n` of a pax extended header (POSIX.1-2001, "pax Extended Header"). GNU tar's
 * sparse files (PAX format 1.0, `GNU.sparse.name`) carry their real name there; their `size` stays that of the header:
 * what is stored. Throws KnownError when a record is malformed.
 */
export function decodePax(data: Buffer): PaxAttributes {
  const records = recordsOf(data);
  const path = records.get("GNU.sparse.name") ?? records.get("path");
  const linkPath = records.get("linkpath");
  const size = records.get("size");
  return {
    ...(path === undefined ? {} : { path }),
    ...(linkPath === undefined ? {} : { linkPath }),
    ...(size === undefined ? {} : { size: decimal(size) }),
  };
}

function recordsOf(data: Buffer): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  let at = 0;
  while (at < data.length) {
    const space = data.indexOf(0x20, at);
    const length = space === -1 ? NaN : decimal(data.toString("latin1", at, space));
    const end = at + length;
    if (!(end <= data.length) || end <= space || data[end - 1] !== 0x0a) throw malformed();
    const equals = data.indexOf(0x3d, space);
    if (equals === -1 || equals >= end) throw malformed();
    records.set(data.toString("latin1", space + 1, equals), data.toString("latin1", equals + 1, end - 1));
    at = end;
  }
  return records;
}

function decimal(text: string): number {
  const value = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(value)) throw malformed();
  return value;
}

function malformed(): KnownError {
  return new KnownError("a pax header of the stream is malformed");
}
