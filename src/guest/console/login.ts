import type { RootedFiles } from "../../host/files/rooted-files.ts";
import type { SerialConsole } from "./serial-console.ts";

/** Offers a login on `console`, by whichever init system the guest has, and lets root use it. */
export async function configureConsole(files: RootedFiles, console: SerialConsole): Promise<void> {
  const init = await initSystem(files);
  if (init !== undefined) await loginBy[init](files, console);
  await allowRoot(files, console.port);
}

type InitSystem = "systemd" | "sysvinit" | "upstart" | "event.d";

// By what is installed, the newest first: later systems left the directories of earlier ones in place.
async function initSystem(files: RootedFiles): Promise<InitSystem | undefined> {
  const init = (await files.readlink("/sbin/init")) ?? "";
  if (init.endsWith("systemd")) return "systemd";
  if (await files.exists("/etc/inittab")) return "sysvinit";
  if (await files.exists("/etc/init")) return "upstart";
  if (await files.exists("/etc/event.d")) return "event.d";
  return (await unitDirectory(files)) === undefined ? undefined : "systemd";
}

const loginBy: Readonly<Record<InitSystem, (files: RootedFiles, console: SerialConsole) => Promise<void>>> = {
  systemd: enableSerialGetty,
  sysvinit: async (files, console) => {
    await files.edit("/etc/inittab", (text) => withInittabLine(text, console));
  },
  upstart: async (files, console) => {
    await files.write(`/etc/init/${console.port}.conf`, upstartJob(console), { mode: 0o644 });
  },
  "event.d": async (files, console) => {
    await files.write(`/etc/event.d/${console.port}`, eventJob(console), { mode: 0o644 });
  },
};

// The link is what `systemctl enable` makes. systemd's generator would start the getty only for a console on the
// kernel's command line, and at a speed of its own choice.
async function enableSerialGetty(files: RootedFiles, { port, speed, isLine }: SerialConsole): Promise<void> {
  const unit = `serial-getty@${port}.service`;
  const directory = (await unitDirectory(files)) ?? "/lib/systemd/system";
  await files.symlink(`${directory}/serial-getty@.service`, `/etc/systemd/system/getty.target.wants/${unit}`);
  if (!isLine) return;
  const dropIn = `[Service]\nExecStart=\nExecStart=-/sbin/agetty ${String(speed)} %I $TERM\n`;
  await files.write(`/etc/systemd/system/${unit}.d/speed.conf`, dropIn, { mode: 0o644 });
}

async function unitDirectory(files: RootedFiles): Promise<string | undefined> {
  for (const directory of ["/usr/lib/systemd/system", "/lib/systemd/system"]) {
    if (await files.exists(`${directory}/serial-getty@.service`)) return directory;
  }
  return undefined;
}

/** `text` of an inittab with one active line for `console`; a line that is there for its port is replaced. */
export function withInittabLine(text: string, { port, speed }: SerialConsole): string {
  const id = port === "hvc0" ? "H0" : "T0";
  const others = text.split("\n").filter((line) => !(line.startsWith(`${id}:`) || isGettyOn(line, port)));
  return `${others.join("\n").trimEnd()}\n${id}:2345:respawn:/sbin/getty -L ${port} ${String(speed)} vt100\n`.trimStart();
}

function isGettyOn(line: string, port: string): boolean {
  return !line.startsWith("#") && /getty/.test(line) && line.split(/[\s:]+/).includes(port);
}

function upstartJob({ port, speed }: SerialConsole): string {
  return `# ${port} - login on the serial console

start on stopped rc RUNLEVEL=[2345]
stop on runlevel [!2345]

respawn
exec /sbin/getty -L ${String(speed)} ${port} vt102
`;
}

// upstart before 0.5, which had one event for each runlevel.
function eventJob({ port, speed }: SerialConsole): string {
  const starts = [2, 3, 4, 5].map((level) => `start on stopped rc${String(level)}\n`);
  const stops = [0, 1, 6].map((level) => `stop on runlevel ${String(level)}\n`);
  return `# ${port} - login on the serial console

${starts.join("")}
${stops.join("")}
respawn
exec /sbin/getty -L ${String(speed)} ${port} vt102
`;
}

// Until Debian 11 an empty password was accepted only on these lines (pam_unix nullok_secure, pam_securetty).
async function allowRoot(files: RootedFiles, port: string): Promise<void> {
  await files.edit("/etc/securetty", (text) =>
    text.split("\n").includes(port) ? undefined : `${text.trimEnd()}\n${port}\n`.trimStart(),
  );
}
