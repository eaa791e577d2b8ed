import { hypervisorParameter, type Instance } from "../../os-api/request.ts";

/** A serial line on which the guest shall offer a login. */
export interface SerialConsole {
  /** The kernel's name of it, for example `ttyS0`. */
  readonly port: string;
  /** Bits per second. */
  readonly speed: number;
  /** Whether the port is a real line, which has a speed to be set; hvc0 and ttysclp0 have none. */
  readonly isLine: boolean;
}

/** The console of an instance, for its login, its kernel and its boot loader. */
export interface InstanceConsole {
  /** Undefined: the instance has none but its screen. */
  readonly serial: SerialConsole | undefined;
  /** Kernel arguments; the last console is /dev/console. */
  readonly kernelArguments: readonly string[];
  /** Bits per second of the first serial port, where the boot loader can use it too. */
  readonly serialSpeed: number | undefined;
}

/** Ganeti's own default for serial_speed. */
const defaultSpeed = 38_400;

// The first serial port of qemu's machine for an architecture (dpkg's names), as Linux calls it: the PL011 of "virt",
// the pseries' hypervisor console, s390's SCLP line. All others have a 16550.
const ports: Readonly<Record<string, string>> = {
  arm64: "ttyAMA0",
  armhf: "ttyAMA0",
  armel: "ttyAMA0",
  ppc64el: "hvc0",
  ppc64: "hvc0",
  s390x: "ttysclp0",
};
const withoutSpeed: ReadonlySet<string> = new Set(["hvc0", "ttysclp0"]);

/** The console that the instance's hypervisor parameters ask for, on a machine of `arch` (dpkg's name). Pure. */
export function instanceConsole(instance: Instance, arch: string): InstanceConsole {
  const serial = serialConsole(instance, arch);
  if (serial === undefined) return { serial, kernelArguments: [], serialSpeed: undefined };
  const { port, speed, isLine } = serial;
  if (!isLine) return { serial, kernelArguments: [`console=${port}`], serialSpeed: undefined };
  return { serial, kernelArguments: ["console=tty0", `console=${port},${String(speed)}n8`], serialSpeed: speed };
}

// The first serial port where Ganeti gives the instance a serial console, Xen's always under xen-pvm, otherwise none.
function serialConsole(instance: Instance, arch: string): SerialConsole | undefined {
  const asked = hypervisorParameter(instance, "serial_speed");
  const speed = /^[1-9]\d{0,8}$/.test(asked) ? Number(asked) : defaultSpeed;
  const port = hypervisorParameter(instance, "serial_console") === "True" ? (ports[arch] ?? "ttyS0") : undefined;
  if (port !== undefined) return { port, speed, isLine: !withoutSpeed.has(port) };
  return instance.hypervisor === "xen-pvm" ? { port: "hvc0", speed, isLine: false } : undefined;
}
