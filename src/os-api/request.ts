/** A disk of the instance as Ganeti lists it (DISK_n_*); API 5 knows paths only. */
export interface InstanceDisk {
  readonly index: number;
  /** Block device or regular file; undefined for disks that only userspace can reach. */
  readonly path: string | undefined;
  /** DISK_n_URI: how the hypervisor reaches a disk by itself. */
  readonly uri: string | undefined;
  readonly sizeMiB: number | undefined;
  readonly access: "rw" | "ro";
  readonly name: string | undefined;
  readonly uuid: string | undefined;
  /**
   * DISK_n_ROLE: the purpose of a disk that does not hold the guest's data, for example the firmware disk that Ganeti
   * 4.0 appends for UEFI guests. Never format, swap on or export such a disk. Undefined for the guest's own disks.
   */
  readonly role: string | undefined;
}

/** A network interface of the instance (NIC_n_*). */
export interface InstanceNic {
  readonly index: number;
  readonly mac: string | undefined;
  readonly ip: string | undefined;
  readonly mode: string | undefined;
  readonly link: string | undefined;
  readonly name: string | undefined;
  readonly networkName: string | undefined;
  readonly networkSubnet: string | undefined;
  readonly networkGateway: string | undefined;
  readonly networkSubnet6: string | undefined;
  readonly networkGateway6: string | undefined;
}

/** The instance a request is about. */
export interface Instance {
  readonly name: string;
  readonly hypervisor: string | undefined;
  /** INSTANCE_HV_* by lower-case name, as Ganeti prints them (Python's `True`, `False`, `None`). */
  readonly hypervisorParameters: Readonly<Record<string, string>>;
  readonly disks: readonly InstanceDisk[];
  readonly nics: readonly InstanceNic[];
}

interface RequestBase {
  readonly apiVersion: 5 | 10 | 15 | 20;
  readonly instance: Instance;
  readonly debug: boolean;
  /** From OS_VARIANT; undefined without one. */
  readonly variant: string | undefined;
  /** OSP_* by upper-case name without the prefix. Values may be secret: never log them. */
  readonly osParameters: Readonly<Record<string, string>>;
  /** The whole environment as it was given. The settings files and the hooks see it. Never log it. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface CreateRequest extends RequestBase {
  readonly action: "create";
  readonly disk: string;
  /** API 5 only (-s). */
  readonly swapDevice: string | undefined;
  readonly reinstall: boolean;
}

export interface ImportRequest extends RequestBase {
  readonly action: "import";
  readonly disk: string;
  readonly diskIndex: number;
  readonly swapDevice: string | undefined;
}

export interface ExportRequest extends RequestBase {
  readonly action: "export";
  /** EXPORT_DEVICE: often a snapshot, which is not in `instance.disks`. */
  readonly disk: string;
  readonly diskIndex: number;
  /** Descriptor that takes the estimated bytes and a newline. */
  readonly sizeDescriptor: number | undefined;
}

export interface RenameRequest extends RequestBase {
  readonly action: "rename";
  readonly oldName: string;
  readonly disk: string;
  readonly swapDevice: string | undefined;
}

export interface VerifyRequest extends Omit<RequestBase, "instance"> {
  readonly action: "verify";
}

/** The task of an OS script: the same type for every API version. */
export type OsRequest = CreateRequest | ImportRequest | ExportRequest | RenameRequest | VerifyRequest;

/** A hypervisor parameter (INSTANCE_HV_*) by lower-case name; empty where it is absent or Python's None. */
export function hypervisorParameter(instance: Instance, name: string): string {
  const value = instance.hypervisorParameters[name] ?? "";
  return value === "None" ? "" : value;
}
