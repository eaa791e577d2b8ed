import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { hasCode } from "../../host/errors.ts";

// The part of the standard object that is used; its type comes with no library that this project loads.
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
};

const wasmPageBytes = 65_536;

/**
 * Memory that begins at a page boundary, as O_DIRECT demands and no Buffer promises; a WebAssembly memory does.
 * Undefined where it cannot be had (a limit on address space): to go without O_DIRECT then.
 */
export function pageAligned(bytes: number): Uint8Array | undefined {
  try {
    const { buffer } = new WebAssembly.Memory({ initial: Math.ceil(bytes / wasmPageBytes) });
    return new Uint8Array(buffer, 0, bytes);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * Opens a block device for writes that go past the page cache, as a hypervisor's do: hundreds of megabytes that the
 * node will not read again neither wait for its memory nor displace what is cached there. Falls back to ordinary
 * writes where O_DIRECT is not supported.
 */
export async function openDirect(device: string): Promise<FileHandle> {
  try {
    return await open(device, constants.O_RDWR | constants.O_DIRECT);
  } catch (error) {
    if (!hasCode(error, "EINVAL", "EOPNOTSUPP")) throw error;
    return await open(device, "r+");
  }
}
