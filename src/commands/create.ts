import type { Config } from "../config/config.ts";
import type { Disk } from "../devices/disk.ts";
import { attachDiskSet } from "../devices/disk-set.ts";
import { layOutDisk, rootBytes } from "../devices/lay-out.ts";
import { makeSwap } from "../filesystems/swap.ts";
import { checkBoot } from "../guest/boot/checks.ts";
import { installBoot } from "../guest/boot/install.ts";
import { type BootPlan, planBoot } from "../guest/boot/plan.ts";
import { configureGuest } from "../guest/configure.ts";
import { hookEnvironment } from "../guest/hooks/environment.ts";
import { findHooks } from "../guest/hooks/find.ts";
import { runHooks } from "../guest/hooks/run.ts";
import { decideGuestNetwork, type GuestNetwork } from "../guest/network/decide.ts";
import { networkPackages } from "../guest/network/packages.ts";
import { installedGuest } from "../guest/tree/installed-guest.ts";
import { allAcquired } from "../host/disposal.ts";
import { KnownError } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import type { Installation } from "../host/installation.ts";
import { mebibytes } from "../host/size.ts";
import { requireTools } from "../host/process/tools.ts";
import { toolsFor } from "../host/process/tools-table.ts";
import type { CreateRequest } from "../os-api/request.ts";
import { acquireSystem } from "../system-image/acquire.ts";
import type { Requirement } from "../system-image/disk-requirement.ts";
import { expectedRequirement } from "../system-image/expected-requirement.ts";
import { toolsForCreate } from "./disk-tools.ts";
import { say } from "./summary.ts";

/** The request to create, and the settings in force. */
interface Order {
  readonly request: CreateRequest;
  readonly config: Config;
  readonly osDir: string;
  readonly network: GuestNetwork;
}

/**
 * Installs a guest on the disk of `request`. Until the system is at hand and known to fit, no disk is touched. Throws
 * KnownError; a disk that was begun is then partly written, and nothing else is left.
 */
export async function create(host: Host, request: CreateRequest, config: Config, place: Installation): Promise<void> {
  requireTools(host, [...toolsForCreate(config, request), ...toolsFor("hostKeys")]);
  const boot = planBoot(config, request.instance);
  const network = await decideGuestNetwork(host, config, request.instance);
  const origin = await install(host, { request, config, osDir: place.osDir, network }, boot);
  // A signal cuts the release short, so we cannot tell whether everything was written.
  host.signal.throwIfAborted();
  say(host.log, `created ${request.instance.name}`, [
    `${config.suite} ${config.arch} from ${origin}`,
    `on ${request.disk} (partition style ${config.partitionStyle}, ${config.filesystem})`,
    request.swapDevice === undefined ? "no swap" : `swap on ${request.swapDevice}`,
    `boot loader ${boot.loader}`,
  ]);
}

async function install(host: Host, { request, config, osDir, network }: Order, boot: BootPlan): Promise<string> {
  const { instance } = request;
  const layout = { bootLoader: boot.loader };
  await using disks = await host.log.phase("check the disk", () =>
    attachDiskSet(host, { root: request.disk, swap: request.swapDevice }),
  );
  checkBoot(host, boot, config, disks.root);
  const hooks = await findHooks(host, config.customizeDir);
  const packages = [...boot.packages, ...networkPackages(config)];
  checkFits(disks.root, config, boot, await expectedRequirement(config, packages));
  await using system = await acquireSystem(host, config, packages);
  checkFits(disks.root, config, boot, system.requirement(config.filesystem));
  await using root = await host.log.phase("lay out the disk", () => layOutDisk(host, disks.root, config, layout));
  const [populated, swap] = await allAcquired([
    system.populate(root.device, { type: config.filesystem, suite: config.suite, bootloader: boot.loader }),
    disks.swap === undefined ? nothing : makeSwap(host, disks.swap.device),
  ]);
  await using _populated = populated;
  const filesystem = { uuid: populated.uuid, type: config.filesystem };
  const guest = installedGuest(host, populated.path, { root, filesystem, swap, dataDisks: [] });
  await host.log.phase("configure the guest", () => configureGuest(host, guest, instance, boot.console, { network }));
  await installBoot(host, guest, boot);
  await runHooks(host, hooks, { environment: hookEnvironment(config, guest), osDir });
  return system.origin;
}

const nothing = Promise.resolve(undefined);

/** Throws KnownError when the root filesystem is too small for the system. Nothing was written before. */
function checkFits(disk: Disk, config: Config, { loader }: BootPlan, requirement: Requirement): void {
  const available = rootBytes(disk, config, { bootLoader: loader });
  if (available >= requirement.bytes) return;
  const needed = mebibytes(disk.sizeBytes - available + requirement.bytes, Math.ceil);
  throw new KnownError(
    `disk ${disk.path} is too small: ${mebibytes(disk.sizeBytes, Math.floor)}, and ${config.suite} with its packages needs at least ${needed}`,
    { hint: "give the instance a larger disk, or install fewer packages" },
  );
}
