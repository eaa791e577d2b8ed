import type { Config } from "../config/config.ts";
import { attachDisk, type Disk } from "../devices/disk.ts";
import { type FilesystemType, isFilesystemType } from "../filesystems/families.ts";
import { probeFilesystem } from "../filesystems/probe.ts";
import { openLayout } from "../devices/lay-out.ts";
import { mountFilesystem } from "../filesystems/mount.ts";
import { ownAddresses } from "../guest/network/plan.ts";
import { applyRendering, planAgain, planRendering, type Rerendering } from "../guest/network/render-again.ts";
import { findMentions } from "../guest/rename/mentions.ts";
import { planRenaming, type Renaming } from "../guest/rename/renaming.ts";
import type { NameChange } from "../guest/rename/names.ts";
import { KnownError } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import { printable } from "../host/printable.ts";
import { openRoot, type RootedFiles } from "../host/files/rooted-files.ts";
import { requireTools } from "../host/process/tools.ts";
import { toolsFor } from "../host/process/tools-table.ts";
import type { RenameRequest } from "../os-api/request.ts";
import { refuseHiddenTree, refuseMarkedDisk, refuseUnfinished } from "../stream/format/unfinished.ts";
import { say } from "./summary.ts";

/**
 * Gives the guest on a disk its new name, after Ganeti has renamed the instance. Files that an administrator changed
 * are left alone and reported. The guest has run, so its tree is hostile: nothing of it is executed, and no edit leaves
 * it. Throws KnownError. Ganeti shows that as a warning only, so each message must make sense by itself.
 */
export async function rename(host: Host, request: RenameRequest, config: Config): Promise<void> {
  requireTools(host, toolsFor("always", "disk", "partitions"));
  const names = { oldName: request.oldName, newName: request.instance.name };
  await using disk = await attachDisk(host, request.disk);
  // Ganeti renames after every import. It treats a failed import as a warning, so it renames then, too.
  await refuseMarkedDisk(disk, "rename");
  await using root = await openLayout(host, disk, config);
  if (root === undefined) throw noRoot(disk, "its partition table has no recognisable root partition");
  const type = await rootFilesystem(host, disk, root.device);
  await using guest = await mountFilesystem(host, root.device, { type, guestControlled: true });
  await refuseHiddenTree(disk.path, "rename", guest.path);
  const files = openRoot(guest.path, host);
  const { renaming, rendering } = await host.log.phase("look at the guest", () => plan(host, files, request, config));
  await host.log.phase("rename the guest", async () => {
    await files.editAll(renaming.files);
    await applyRendering(files, rendering);
  });
  await report(host, files, names, renaming);
}

// All that will be changed, the network as it is planned for the instance's interfaces of today included.
async function plan(
  host: Host,
  files: RootedFiles,
  { instance, oldName }: RenameRequest,
  config: Config,
): Promise<{ readonly renaming: Renaming; readonly rendering: Rerendering }> {
  const network = await planAgain(host, config, instance);
  const rendering = await planRendering(files, network.plan);
  const own = network.plan === undefined || rendering.ours.length === 0 ? [] : ownAddresses(network.plan);
  const addresses = own.length > 0 ? own : instance.nics.flatMap(({ ip }) => ip ?? []);
  const names = { oldName, newName: instance.name };
  const renaming = await planRenaming(host, files, names, addresses, rendering);
  return { renaming: { ...renaming, left: [...network.left, ...renaming.left] }, rendering };
}

// The node's kernel must not use any other driver on a guest's disk.
async function rootFilesystem(host: Host, disk: Disk, device: string): Promise<FilesystemType> {
  const probe = await probeFilesystem(host, device);
  if (probe !== undefined) refuseUnfinished(disk.path, "rename", probe);
  if (probe !== undefined && isFilesystemType(probe.type)) return probe.type;
  throw noRoot(disk, probe === undefined ? "it holds no filesystem" : `it holds ${printable(probe.type)}`);
}

function noRoot({ path }: Disk, why: string): KnownError {
  return new KnownError(`cannot rename the guest on ${path}: ${why}`, {
    hint: "change the name inside the running guest",
  });
}

async function report(host: Host, files: RootedFiles, names: NameChange, renaming: Renaming): Promise<void> {
  const { oldName, newName } = names;
  const paths = renaming.files.map(({ path }) => printable(path));
  for (const { from, to } of renaming.addresses) host.log.info(`address ${from} became ${to}`);
  for (const sentence of renaming.left) host.log.warn(`left to the administrator: ${sentence}`);
  if (oldName !== newName || renaming.addresses.length > 0) await reportMentions(host, files, names, renaming);
  say(host.log, `renamed ${oldName} to ${newName}`, [
    paths.length === 0 ? "no file needed a change" : `changed ${paths.join(", ")}`,
  ]);
}

const shownMentions = 8;

async function reportMentions(
  host: Host,
  files: RootedFiles,
  { oldName, newName }: NameChange,
  { addresses }: Renaming,
): Promise<void> {
  const mentions = await findMentions(files, {
    names: oldName === newName ? [] : [oldName],
    addresses: addresses.map(({ from }) => from),
  });
  for (const { path, words } of mentions.slice(0, shownMentions)) {
    host.log.warn(`left to the administrator: ${printable(path)} still has ${words.join(" and ")}`);
  }
  if (mentions.length > shownMentions) {
    host.log.warn(`left to the administrator: ${String(mentions.length - shownMentions)} more files of the kind`);
  }
}
