import { describe, expect, it } from "vitest";
import { replaceIdentifiers, rewriteKernelArguments } from "../../../../src/guest/storage/references.ts";

const before = "0A1B2C3D-1111-2222-3333-444455556666";
const after = "99999999-8888-7777-6666-555544443333";
const root = { uuid: after, type: "ext4" };
const swap = { uuid: "12121212-3434-5656-7878-909090909090" };

describe("replaceIdentifiers", () => {
  it.each([
    [`UUID=${before} / ext4`, `UUID=${after} / ext4`],
    [`UUID="${before.toLowerCase()}" /`, `UUID="${after}" /`],
    [`/dev/disk/by-uuid/${before.toLowerCase()} /`, `/dev/disk/by-uuid/${after} /`],
    [
      `search --fs-uuid --set=root ${before}\nlinux root=UUID=${before}`,
      `search --fs-uuid --set=root ${after}\nlinux root=UUID=${after}`,
    ],
    [`x${before}`, `x${before}`],
    [`${before}-1`, `${before}-1`],
  ])("turns %s into %s", (text, expected) => {
    expect(replaceIdentifiers(text, { identifiers: [[before, after]] })).toBe(expected);
  });

  it("replaces a PARTUUID of a msdos table, but not a longer number that begins like it", () => {
    const renaming = { identifiers: [["5eed1234-01", "0badcafe-01"]] as const };
    expect(replaceIdentifiers("root=PARTUUID=5EED1234-01 5eed1234-010", renaming)).toBe(
      "root=PARTUUID=0badcafe-01 5eed1234-010",
    );
  });
});

describe("rewriteKernelArguments", () => {
  it("changes root= and resume= where an initramfs understands UUIDs", () => {
    const text = "linux /vmlinuz root=/dev/sda1 ro resume=/dev/sda2 x-root=/dev/sda1\ninitrd /initrd.img";
    expect(rewriteKernelArguments(text, { root: "/dev/sda1", swap: "/dev/sda2" }, { root, swap })).toBe(
      `linux /vmlinuz root=UUID=${after} ro resume=UUID=${swap.uuid} x-root=/dev/sda1\ninitrd /initrd.img`,
    );
  });

  it("leaves a device name where there is no initramfs, and one that only begins alike", () => {
    const text = "linux /vmlinuz root=/dev/sda1";
    expect(rewriteKernelArguments(text, { root: "/dev/sda1", swap: undefined }, { root })).toBe(text);
    const longer = "linux root=/dev/sda12\ninitrd /i";
    expect(rewriteKernelArguments(longer, { root: "/dev/sda1", swap: undefined }, { root })).toBe(longer);
  });

  it("changes a label", () => {
    const text = 'append root="LABEL=old root" quiet\nAPPEND root=LABEL=r\nINITRD x';
    expect(rewriteKernelArguments(text, { root: "LABEL=r", swap: undefined }, { root })).toContain(
      `root=UUID=${after}\nINITRD`,
    );
  });
});
