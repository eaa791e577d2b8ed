import { run } from "../host/process/run.ts";
import { dumpGroups, dumpSuperblock, freeExtents } from "./ext/dumpe2fs.ts";
import { type ExtFacts, parseExt } from "./ext/facts.ts";
import { extFeatureAges, mke2fs } from "./ext/mke2fs.ts";
import { neededForExt, recreateExt } from "./ext/recreate.ts";
import { freeSpaceOfDirtyExt } from "./ext/replayed-journal.ts";
import type { FilesystemFamily } from "./family.ts";
import { withoutUnknown } from "./features.ts";

const mebibyte = 1024 ** 2;

/** ext2, ext3 and ext4, by e2fsprogs. */
export const extFamily: FilesystemFamily<ExtFacts> = {
  types: ["ext2", "ext3", "ext4"],
  needs: { make: "ext", inspect: "exportExt" },
  features: extFeatureAges,
  checkedAtBoot: true,
  grubModule: "ext2",
  readByExtlinux: true,
  readByDump: true,
  uuidsMustDiffer: false,
  flagsBeforeContent: false,
  bootBlockBytes: 1024,

  mountOptions: (type) => ({
    always: [],
    fresh: type === "ext2" ? [] : ["nobarrier"],
    // The superblock may say errors=panic.
    guestControlled: ["errors=remount-ro"],
    wholeTree: [],
    withoutJournal: type === "ext2" ? [] : ["noload"],
  }),

  mkfs: mke2fs,
  knownSwitches: (_host, switches, error) => Promise.resolve(withoutUnknown(switches, error)),
  recreate: recreateExt,

  async giveUuid(host, device, uuid) {
    // tune2fs refuses where checksums depend on the UUID and the last check is older than the last mount.
    await run(host, ["e2fsck", "-f", "-y", device], { accept: [0, 1], isolated: true });
    await run(host, ["tune2fs", "-U", uuid, device], { isolated: true });
  },

  canSetLabel: () => true,
  async setLabel(host, device, label) {
    await run(host, ["tune2fs", "-L", label, device]);
  },

  async grow(host, device) {
    await run(host, ["e2fsck", "-f", "-y", device], { accept: [0, 1], isolated: true });
    await run(host, ["resize2fs", device], { isolated: true });
  },

  async inspect(host, device, type) {
    return parseExt(await dumpSuperblock(host, device), type);
  },
  treeObstacle: () => Promise.resolve(undefined),

  async freeSpace(host, device, { bytes, isDirty }) {
    return isDirty ? await freeSpaceOfDirtyExt(host, device, bytes) : freeExtents(await dumpGroups(host, device));
  },

  overhead: (type) => ({ fixed: (type === "ext2" ? 4 : 24) * mebibyte, share: 0.07, minimum: 0 }),
  neededBytes: neededForExt,
};
