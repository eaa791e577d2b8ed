import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { hasCode } from "../../host/errors.ts";

// The used part of the standard object. No library that this project loads has its type.
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number; readonly maximum?: number; readonly shared?: boolean }) => {
    readonly buffer: ArrayBuffer | SharedArrayBuffer;
  };
};

const wasmPageBytes = 65_536;

/**
 * Memory that begins at a page boundary, which O_DIRECT demands. A Buffer does not promise that, but a WebAssembly
 * memory does. Undefined when it cannot be had (a limit on address space): go without O_DIRECT then.
 */
export function pageAligned(bytes: number): Uint8Array | undefined {
  const buffer = wasmMemory(bytes, false);
  return buffer === undefined ? undefined : new Uint8Array(buffer, 0, bytes);
}

/** Such memory that threads can share. Undefined as above. */
export function sharedPages(bytes: number): SharedArrayBuffer | undefined {
  return wasmMemory(bytes, true) as SharedArrayBuffer | undefined;
}

function wasmMemory(bytes: number, shared: boolean): ArrayBuffer | SharedArrayBuffer | undefined {
  const pages = Math.ceil(bytes / wasmPageBytes);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared }).buffer;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * Opens a block device (or a file on a disk) for reads past the page cache: what is read once displaces nothing there.
 * Falls back to ordinary reads where O_DIRECT is not supported.
 */
export async function openDirectReading(device: string): Promise<FileHandle> {
  try {
    return await open(device, constants.O_RDONLY | constants.O_DIRECT);
  } catch (error) {
    if (!hasCode(error, "EINVAL", "EOPNOTSUPP")) throw error;
    return await open(device, "r");
  }
}

/**
 * Opens a block device for writes that bypass the page cache, like those of a hypervisor. The node will not read these
 * hundreds of megabytes again, so they must neither wait for its memory nor displace cached data. Falls back to
 * ordinary writes where O_DIRECT is not supported.
 */
export async function openDirect(device: string): Promise<FileHandle> {
  try {
    return await open(device, constants.O_RDWR | constants.O_DIRECT);
  } catch (error) {
    if (!hasCode(error, "EINVAL", "EOPNOTSUPP")) throw error;
    return await open(device, "r+");
  }
}
