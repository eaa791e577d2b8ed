import type { Instance } from "../../os-api/request.ts";
import { serialConsole } from "./console.ts";

/** The console of an instance: kernel arguments, and the serial port's speed where the boot loader can use it too. */
export interface BootConsole {
  /** Kernel arguments; the last console is /dev/console. */
  readonly kernelArguments: readonly string[];
  /** Bits per second of the first serial port; undefined: the instance has none. */
  readonly serialSpeed: number | undefined;
}

/** The console the instance's hypervisor parameters ask for. Pure. */
export function bootConsole({ hypervisor, hypervisorParameters }: Instance, arch: string): BootConsole {
  const serial = serialConsole(hypervisor, hypervisorParameters);
  if (serial === undefined) return { kernelArguments: [], serialSpeed: undefined };
  if (serial.port === "hvc0") return { kernelArguments: ["console=hvc0"], serialSpeed: undefined };
  // The PL011 of qemu's machine for ARM has a name of its own.
  const port = arch === "arm64" || arch === "armhf" ? "ttyAMA0" : serial.port;
  return {
    kernelArguments: ["console=tty0", `console=${port},${String(serial.speed)}n8`],
    serialSpeed: serial.speed,
  };
}

/** Kernel arguments for a root filesystem by UUID. */
export function rootArguments(uuid: string, console: BootConsole): readonly string[] {
  return [`root=UUID=${uuid}`, "ro", ...console.kernelArguments];
}
