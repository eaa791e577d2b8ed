import { type FileHandle, open } from "node:fs/promises";

/** Opens a disk for reading and writing, and syncs it after `work`. */
export async function editDisk(device: string, work: (disk: FileHandle) => Promise<void>): Promise<void> {
  const disk = await open(device, "r+");
  try {
    await work(disk);
    await disk.sync();
  } finally {
    await disk.close();
  }
}
