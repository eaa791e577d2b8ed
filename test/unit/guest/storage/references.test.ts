import { describe, expect, it } from "vitest";
import {
  fstabEntries,
  replaceIdentifiers,
  rewriteFstab,
  rewriteKernelArguments,
  specValue,
  swapEntry,
} from "../../../../src/guest/storage/references.ts";

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

describe("rewriteFstab", () => {
  it.each([
    [`UUID=${before}`],
    [`UUID="${before}"`],
    ["LABEL=root"],
    ['"LABEL=root"'],
    ["PARTUUID=5eed1234-01"],
    ["/dev/sda1"],
    ["/dev/vda1"],
    ["/dev/xvda1"],
    ["/dev/sda"],
    ["/dev/disk/by-label/root"],
  ])("puts a root named %s on the new device", (spec) => {
    expect(rewriteFstab(`# comment ${spec}\n${spec}\t/  ext3 errors=remount-ro 0 1\nproc /proc proc\n`, { root })).toBe(
      `# comment ${spec}\nUUID=${after}\t/  ext4 errors=remount-ro 0 1\nproc /proc proc\n`,
    );
  });

  it("puts the only swap on the new device, whatever it is called", () => {
    const text = "  /dev/sdb none swap sw 0 0\n";
    expect(rewriteFstab(text, { swap })).toBe(`  UUID=${swap.uuid} none swap sw 0 0\n`);
  });

  it("leaves several swaps, a swap file and other lines alone", () => {
    const text = "/dev/sdb none swap sw\n/dev/sdc none swap sw\n/swapfile none swap sw\nbroken\n\n";
    expect(rewriteFstab(text, { root, swap })).toBe(text);
  });

  it("keeps the type of a root that is no ext filesystem or comes without one", () => {
    expect(rewriteFstab("/dev/sda / auto defaults", { root })).toBe(`UUID=${after} / ext4 defaults`);
    expect(rewriteFstab("/dev/sda / rootfs defaults", { root })).toBe(`UUID=${after} / rootfs defaults`);
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

describe("fstab entries", () => {
  it("reads what a spec names", () => {
    expect(specValue('UUID="abc"')).toEqual({ key: "uuid", value: "abc" });
    expect(specValue("label=x")).toEqual({ key: "label", value: "x" });
    expect(specValue("/dev/disk/by-uuid/abc")).toEqual({ key: "uuid", value: "abc" });
    expect(specValue("/dev/sda")).toEqual({ key: "other", value: "/dev/sda" });
  });

  it("knows the swap by its type", () => {
    expect(swapEntry(fstabEntries("#/dev/x none swap\nLABEL=s none swap sw\n"))?.spec).toBe("LABEL=s");
  });
});
