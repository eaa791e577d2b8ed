import { existsSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { configureConsole, withInittabLine } from "../../../../src/guest/console/login.ts";
import { guestTree } from "../../../fixtures/guest-tree.ts";

describe("a login on the console", () => {
  const ttyS0 = { port: "ttyS0", speed: 115_200, isLine: true };
  const unit = "serial-getty@ttyS0.service";

  test("is enabled under systemd as systemctl enable would, at the speed asked for", async () => {
    const guest = guestTree({
      "usr/lib/systemd/system/serial-getty@.service": "",
      "usr/lib/systemd/systemd": "",
      "sbin/init": { symlink: "/lib/systemd/systemd" },
    });
    await configureConsole(guest.files, ttyS0);
    expect(readlinkSync(join(guest.root, "etc/systemd/system/getty.target.wants", unit))).toBe(
      "/usr/lib/systemd/system/serial-getty@.service",
    );
    expect(guest.text(`etc/systemd/system/${unit}.d/speed.conf`)).toContain("ExecStart=-/sbin/agetty 115200 %I $TERM");
  });

  test("needs no speed on hvc0", async () => {
    const guest = guestTree({ "lib/systemd/system/serial-getty@.service": "" });
    await configureConsole(guest.files, { port: "hvc0", speed: 38_400, isLine: false });
    expect(readlinkSync(join(guest.root, "etc/systemd/system/getty.target.wants/serial-getty@hvc0.service"))).toBe(
      "/lib/systemd/system/serial-getty@.service",
    );
    expect(existsSync(join(guest.root, "etc/systemd/system/serial-getty@hvc0.service.d"))).toBe(false);
  });

  test("is a line of inittab under sysvinit", async () => {
    const guest = guestTree({ "etc/inittab": "id:2:initdefault:\n#T0:23:respawn:/sbin/getty -L ttyS0 9600 vt100\n" });
    await configureConsole(guest.files, ttyS0);
    expect(guest.text("etc/inittab").split("\n").at(-2)).toBe("T0:2345:respawn:/sbin/getty -L ttyS0 115200 vt100");
  });

  test.each([
    ["upstart", "etc/init/rc.conf", "etc/init/ttyS0.conf", "start on stopped rc RUNLEVEL=[2345]"],
    ["event.d", "etc/event.d/rc2", "etc/event.d/ttyS0", "start on stopped rc2"],
  ])("is a job under %s", async (_, present, job, start) => {
    const guest = guestTree({ [present]: "" });
    await configureConsole(guest.files, ttyS0);
    expect(guest.text(job)).toContain(start);
    expect(guest.text(job)).toContain("exec /sbin/getty -L 115200 ttyS0 vt102");
  });

  test("lets root in where securetty lists the lines", async () => {
    const guest = guestTree({ "etc/securetty": "console\ntty1\n" });
    await configureConsole(guest.files, ttyS0);
    await configureConsole(guest.files, ttyS0);
    expect(guest.text("etc/securetty")).toBe("console\ntty1\nttyS0\n");
  });

  test("replaces an inittab line that is there for its port", () => {
    const once = withInittabLine("s0:2345:respawn:/sbin/getty -L ttyS0 9600\nx:1::\n", ttyS0);
    expect(once).toBe("x:1::\nT0:2345:respawn:/sbin/getty -L ttyS0 115200 vt100\n");
    expect(withInittabLine(once, ttyS0)).toBe(once);
  });
});
