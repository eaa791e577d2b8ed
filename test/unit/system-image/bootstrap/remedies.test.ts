import { expect, test } from "vitest";
import { causeOf } from "../../../../src/system-image/bootstrap/remedies.ts";

const last = "Failure while configuring base packages.  This will be re-attempted up to five times.";
const noise = Array.from({ length: 500 }, (_, number) => `Setting up package-${String(number)} (1.0) ...`).join("\n");

test.each([
  [
    "a foreign architecture",
    "chroot: failed to run command '/bin/true': Exec format error",
    /check ARCH.*qemu-user-static/,
  ],
  ["a full disk", "tar: ./usr/bin/perl: Cannot write: No space left on device", /SCRATCH_DIR/],
  ["a name that is not known", "wget: unable to resolve host address 'mirror.example.com'", /resolver/],
  ["a mirror that does not answer", "connect to mirror.example.com: Connection refused.", /reaches the mirror/],
  ["a proxy that wants a password", "ERROR 407: Proxy Authentication Required.", /check PROXY/],
  [
    "a certificate",
    "ERROR: The certificate of 'mirror.example.com' is not trusted. certificate verify failed",
    /clock/,
  ],
  ["an old suite's key", "[GNUPG:] EXPKEYSIG 112695A0E562B32A Debian Security Archive", /removed-keys/],
  [
    "a conflict",
    "dpkg: error processing archive x (--unpack):\n conflicting packages - not installing systemd-sysv",
    /--exclude=/,
  ],
  ["a file of two packages", " trying to overwrite '/usr/bin/a', which is also in package b 1.0", /--exclude=/],
  ["a dependency", "dpkg: dependency problems prevent configuration of mailutils:", /EXTRA_PKGS.*mmdebstrap/],
  [
    "a maintainer script",
    " installed ssl-cert package post-installation script subprocess returned error exit status 1",
    /script/,
  ],
])("the cause is found far from the end of the log: %s", (_what, line, remedy) => {
  const found = causeOf({ complaints: last, log: `${noise}\n${line}\n${noise}` });
  expect(found?.remedy).toMatch(remedy);
  expect(line).toContain(found?.line);
});

test("what debootstrap itself says of an option comes before all else", () => {
  const found = causeOf({ complaints: "unrecognized or invalid option --foo", log: "Connection refused" });
  expect(found).toEqual({ line: undefined, remedy: expect.stringContaining("DEBOOTSTRAP_OPTS") as unknown });
});

test("an archived suite is told where the old ones are", () => {
  const found = causeOf({
    complaints: "Failed getting release file http://x/dists/wheezy/Release",
    log: "ERROR 404: Not Found.",
  });
  expect(found?.remedy).toContain("the archive of old releases");
});

test("of a log without known words nothing is made up", () => {
  expect(causeOf({ complaints: last, log: noise })).toBeUndefined();
});
