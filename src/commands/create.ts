import type { Config } from "../config/config.ts";
import type { Disk } from "../devices/disk.ts";
import { attachDiskSet } from "../devices/disk-set.ts";
import { type LayoutOptions, layOutDisk, rootBytes, type RootDevice } from "../devices/lay-out.ts";
import type { MountedFilesystem } from "../devices/attach/mount.ts";
import { makeSwap, type Swap } from "../filesystems/swap.ts";
import { bootPackages, checkBootLoader, decideBootLoader, installBootLoader } from "../guest/boot/boot-loader.ts";
import { configureGuest } from "../guest/configure.ts";
import { findHooks, hookEnvironment, runHooks } from "../guest/hooks.ts";
import { allAcquired } from "../host/disposal.ts";
import { KnownError } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import type { Installation } from "../host/installation.ts";
import { openRoot, type RootedFiles } from "../host/rooted-files.ts";
import { requireTools } from "../host/tools.ts";
import type { CreateRequest } from "../os-api/request.ts";
import {
  acquireSystem,
  type PopulatedFilesystem,
  type SystemNeeds,
  type SystemSource,
} from "../system-image/acquire.ts";
import { toolsForCreate } from "./disk-tools.ts";
import { say } from "./summary.ts";

/** What create works with: handed from step to step. */
interface Creation {
  readonly host: Host;
  readonly request: CreateRequest;
  readonly config: Config;
  readonly place: Installation;
  readonly needs: SystemNeeds;
  readonly layout: LayoutOptions;
}

// No suite ever fitted into less: says so before a bootstrap of minutes, where the real figure is not known yet.
const leastSystem = { bytes: 64 * 1_048_576, inodes: 0 };

/** The system on its disk, about to become a guest. */
interface Guest {
  readonly files: RootedFiles;
  readonly root: { readonly uuid: string; readonly type: Config["filesystem"] };
}

/**
 * Installs a guest on the disk of `request`. Until the system is at hand and known to fit, no disk is touched. Throws
 * KnownError; a disk that was begun is then partly written, and nothing else is left.
 */
export async function create(host: Host, request: CreateRequest, config: Config, place: Installation): Promise<void> {
  requireTools(host, toolsForCreate(config, request));
  const creation = planCreation(host, request, config, place);
  const origin = await install(creation);
  // A signal cuts the release short: nobody knows whether all was written.
  host.signal.throwIfAborted();
  say(host.log, `created ${request.instance.name}`, [
    `${config.suite} ${config.arch} from ${origin}`,
    `on ${request.disk} (partition style ${config.partitionStyle}, ${config.filesystem})`,
    request.swapDevice === undefined ? "no swap" : `swap on ${request.swapDevice}`,
    `boot loader ${creation.needs.bootloader}`,
  ]);
}

function planCreation(host: Host, request: CreateRequest, config: Config, place: Installation): Creation {
  const bootloader = decideBootLoader(config, request.instance);
  const packages = bootPackages(config, request.instance);
  return {
    host,
    request,
    config,
    place,
    needs: { packages, filesystem: config.filesystem, bootloader },
    layout: { bootLoader: bootloader },
  };
}

async function install(creation: Creation): Promise<string> {
  const { host, request, config, needs } = creation;
  await using disks = await host.log.phase("check the disk", () =>
    attachDiskSet(host, { root: request.disk, swap: request.swapDevice }),
  );
  const { root: disk, swap: swapDisk } = disks;
  checkBootLoader(host, config, request.instance, disk);
  await findHooks(host, config.customizeDir);
  checkFits(creation, disk, { requirement: leastSystem });
  await using system = await acquireSystem(host, config, needs);
  checkFits(creation, disk, system);
  await using root = await host.log.phase("lay out the disk", () => layOutDisk(host, disk, config, creation.layout));
  const [target, swap] = await allAcquired([
    system.populate(root.device),
    swapDisk === undefined ? nothing : makeSwap(host, swapDisk.device),
  ]);
  await using _target = target;
  const guest = await host.log.phase("configure the guest", () => configure(creation, target, swap));
  await installBootLoader(host, {
    config,
    instance: request.instance,
    files: guest.files,
    root,
    filesystem: guest.root,
  });
  await customise(creation, root, target);
  return system.origin;
}

const nothing = Promise.resolve(undefined);

/** Throws KnownError when the root filesystem would not hold the system. Nothing was written so far. */
function checkFits(
  { request, config, layout }: Creation,
  disk: Disk,
  { requirement }: Pick<SystemSource, "requirement">,
): void {
  const available = rootBytes(disk, config, layout);
  if (available >= requirement.bytes) return;
  const needed = mebibytes(disk.sizeBytes - available + requirement.bytes);
  throw new KnownError(
    `disk ${request.disk} is too small: ${mebibytes(disk.sizeBytes)} MiB, and ${config.suite} with its packages needs at least ${needed} MiB`,
    { hint: "give the instance a larger disk, or install fewer packages" },
  );
}

async function configure(creation: Creation, target: PopulatedFilesystem, swap: Swap | undefined): Promise<Guest> {
  const { host, request, config } = creation;
  const guest = { files: openRoot(target.path, host), root: { uuid: target.uuid, type: config.filesystem } };
  await configureGuest(host, guest.files, {
    instanceName: request.instance.name,
    nics: request.instance.nics,
    hypervisor: request.instance.hypervisor,
    hypervisorParameters: request.instance.hypervisorParameters,
    root: guest.root,
    ...(swap === undefined ? {} : { swap: { uuid: swap.uuid } }),
  });
  return guest;
}

async function customise(
  { host, config, place }: Creation,
  root: RootDevice,
  target: MountedFilesystem,
): Promise<void> {
  const facts = { path: target.path, blockDevice: root.disk.device, filesystemDevice: root.device };
  await runHooks(host, {
    directory: config.customizeDir,
    osDir: place.osDir,
    environment: hookEnvironment(config, facts),
  });
}

function mebibytes(bytes: number): string {
  return String(Math.ceil(bytes / 1_048_576));
}
