import { accessSync, constants, realpathSync, statSync } from "node:fs";
import type { Config } from "../config/config.ts";
import { readBlockDevice } from "../devices/kernel/block-device.ts";
import { attachDisk, type Disk } from "../devices/disk.ts";
import { KnownError } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import { mebibytes } from "../host/size.ts";
import { requireTools, type Tool } from "../host/process/tools.ts";
import { toolsFor } from "../host/process/tools-table.ts";
import type { ExportRequest } from "../os-api/request.ts";
import { compressionTools } from "../stream/pipe/compression.ts";
import { openOutput, type OutputSink } from "../stream/pipe/output.ts";
import { type ContentOptions, type DiskContent, openContent } from "../stream/export/disk-content.ts";
import { requireDumpable, writeDump } from "../stream/export/export-dump.ts";
import { type PreparedImage, prepareImage } from "../stream/export/export-image.ts";
import { prepareRaw } from "../stream/export/export-raw.ts";
import { type PreparedContent, prepareTree } from "../stream/export/export-tree.ts";
import { type Manifest, toolName } from "../stream/format/manifest.ts";
import { beginImageStream } from "../stream/image/image-writer.ts";
import { createMeter, type Meter } from "../stream/pipe/meter.ts";
import { reportSize } from "../stream/pipe/size-report.ts";
import { beginStream } from "../stream/format/stream-writer.ts";
import { measureTree } from "../stream/tree/survey.ts";
import { say } from "./summary.ts";

/** Where the backup goes; default stdout. */
export interface ExportOutput {
  readonly descriptor: number;
}

/**
 * Writes a backup of one disk to stdout: a stream of version 1 (docs/export-format.md) or of dump(8). The disk is only
 * read, except that the journal of a snapshot is replayed. Throws when anything keeps the backup from being complete.
 */
export async function exportDisk(
  host: Host,
  request: ExportRequest,
  config: Config,
  output: ExportOutput = { descriptor: 1 },
): Promise<void> {
  requireTools(host, toolsForExport(config));
  requireOutput(request);
  const isSnapshot = isWritableSnapshot(request);
  await using disk = await attachDisk(host, request.disk, { readOnly: !isSnapshot });
  await using content = await host.log.phase("look at the disk", () =>
    openContent(host, disk, contentOptions(config, isSnapshot)),
  );
  const sink = openOutput(host, output.descriptor, config.exportFormat === "dump" ? "none" : config.exportCompression);
  try {
    if (config.exportFormat === "image") requireImage(request.disk, content);
    if (config.exportFormat === "dump") await exportDump(host, request, content, sink);
    else await exportStream(host, request, disk, content, sink);
  } catch (error) {
    await sink.abandon();
    throw error;
  }
}

function contentOptions({ exportFormat }: Config, mayReplay: boolean): ContentOptions {
  return { mayReplay, asImage: exportFormat === "auto" || exportFormat === "image" };
}

function requireImage(disk: string, content: DiskContent): void {
  if (content.kind !== "tree") return;
  throw new KnownError(`disk ${disk} cannot be exported as an image: it holds ${content.facts.type}`, {
    hint: "export it with EXPORT_FORMAT=auto, which takes images of ext2, ext3 and ext4 and the files of others",
  });
}

function toolsForExport({ exportFormat, exportCompression }: Config): readonly Tool[] {
  const dump = exportFormat === "dump" ? toolsFor("dump") : [];
  return [...toolsFor("always", "disk", "tree", "partitions"), ...dump, ...compressionTools(exportCompression)];
}

// scripts/head.sh says so: to node a closed stdout looks like /dev/null.
function requireOutput({ environment }: ExportRequest): void {
  if (environment["STDOUT_IS_CLOSED"] !== undefined)
    throw new KnownError("stdout is closed, so the backup has nowhere to go");
}

async function exportStream(
  host: Host,
  request: ExportRequest,
  disk: Disk,
  content: DiskContent,
  sink: OutputSink,
): Promise<void> {
  const prepared = await prepare(host, request, disk, content);
  for (const note of prepared.manifest.notes) host.log.info(note);
  reportSize(host, request.sizeDescriptor, prepared.estimatedBytes + 10240);
  const meter = createMeter(host.log, "exported", prepared.estimatedBytes);
  const manifest = manifestOf(request, disk, prepared);
  await host.log.phase(`export ${describe(content)}`, () => writeStream(prepared, sink, manifest, meter));
  say(host.log, nameOf(request), [describe(content), `${mebibytes(meter.bytes)} before compression`]);
}

async function writeStream(
  prepared: PreparedContent | PreparedImage,
  sink: OutputSink,
  manifest: Manifest,
  meter: Meter,
): Promise<void> {
  if (prepared.version === 2) {
    const writer = await beginImageStream(sink, manifest, meter);
    await prepared.write(writer);
    await writer.finish();
  } else {
    const writer = await beginStream(sink, manifest, meter);
    await prepared.write(writer);
    await writer.finish();
  }
}

async function prepare(
  host: Host,
  request: ExportRequest,
  disk: Disk,
  content: DiskContent,
): Promise<PreparedContent | PreparedImage> {
  const role = request.diskIndex === 0 ? "root" : "data";
  switch (content.kind) {
    case "image":
      return await prepareImage(host, disk, content, role);
    case "tree":
      return await prepareTree(host, disk, content, role);
    case "swap":
      return prepareSwap(disk, content);
    case "raw":
      host.log.warn(`disk ${request.disk} is exported as raw blocks: ${content.reason}`);
      return prepareRaw(disk, content);
  }
}

function prepareSwap(disk: Disk, { uuid, label }: DiskContent & { readonly kind: "swap" }): PreparedContent {
  const identity = { ...(uuid === undefined ? {} : { uuid }), ...(label === undefined ? {} : { label }) };
  return {
    version: 1,
    role: "swap",
    manifest: { swap: { ...identity, bytes: disk.sizeBytes }, notes: ["swap space: made anew by import"] },
    estimatedBytes: 0,
    write: () => Promise.resolve(),
  };
}

function manifestOf(
  request: ExportRequest,
  disk: Disk,
  { version, manifest, role }: PreparedContent | PreparedImage,
): Manifest {
  return {
    format: "ganeti-instance-debootstrap",
    version,
    tool: toolName,
    created: Math.floor(Date.now() / 1000),
    instance: request.instance.name,
    disk: { index: request.diskIndex, role, bytes: disk.sizeBytes, sectorSize: disk.sectorSize },
    ...manifest,
  };
}

async function exportDump(host: Host, request: ExportRequest, content: DiskContent, sink: OutputSink): Promise<void> {
  requireDumpable(request.disk, content);
  if (content.kind !== "tree") throw new KnownError("nothing to dump");
  const { bytes } = await measureTree(host, { path: content.path, readOnly: true });
  reportSize(host, request.sizeDescriptor, bytes);
  const written = await host.log.phase("dump", () => writeDump(host, content.device, sink));
  say(host.log, nameOf(request), ["by dump", mebibytes(written)]);
}

/** Whether the device is writable and not one of the instance's disks: an LVM snapshot as Ganeti makes it. */
function isWritableSnapshot({ disk, instance, apiVersion }: ExportRequest): boolean {
  if (apiVersion === 5) return false;
  const paths = instance.disks.flatMap(({ path }) => path ?? []);
  if (paths.length === 0 || paths.some((path) => isSame(path, disk))) return false;
  return isWritable(disk);
}

function isSame(a: string, b: string): boolean {
  return a === b || realPath(a) === realPath(b);
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return statSync(path).isFile() || !readBlockDevice(path).readOnly;
  } catch {
    return false;
  }
}

function describe(content: DiskContent): string {
  if (content.kind === "tree") return `${content.facts.type} with its files`;
  if (content.kind === "image") return `${content.facts.type} as an image`;
  return content.kind === "swap" ? "swap space" : "raw blocks";
}

function nameOf({ diskIndex, instance }: ExportRequest): string {
  return `exported disk ${String(diskIndex)} of ${instance.name}`;
}
