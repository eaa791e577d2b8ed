import { describe, expect, it, test } from "vitest";
import {
  addToFstab,
  fstab,
  fstabEntries,
  rewriteFstab,
  specValue,
  swapEntry,
} from "../../../../src/guest/storage/fstab.ts";
import { guestTree } from "../../../fixtures/guest-tree.ts";

const before = "0A1B2C3D-1111-2222-3333-444455556666";
const after = "99999999-8888-7777-6666-555544443333";
const root = { uuid: after, type: "ext4" };
const swap = { uuid: "12121212-3434-5656-7878-909090909090" };

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));

test.each([
  ["ext2", 1],
  ["ext3", 1],
  ["ext4", 1],
  ["xfs", 0],
  ["btrfs", 0],
] as const)("lists a root of %s by UUID, checked in pass %d", (type, pass) => {
  expect(lines(fstab({ filesystem: { uuid: "r-1", type }, swap: undefined, dataDisks: [] }))).toEqual([
    `UUID=r-1 / ${type} defaults 0 ${String(pass)}`,
    "proc /proc proc defaults 0 0",
  ]);
});

test("lists swap and further filesystems", () => {
  const text = fstab({
    filesystem: { uuid: "r-1", type: "ext4" },
    swap: { uuid: "s-1" },
    dataDisks: [{ uuid: "ABCD-0123", type: "vfat", mountPoint: "/boot/efi", options: "umask=0077" }],
  });
  expect(lines(text).slice(2)).toEqual(["UUID=ABCD-0123 /boot/efi vfat umask=0077 0 2", "UUID=s-1 none swap sw 0 0"]);
});

test.each([
  ["to an empty one", "", ""],
  ["to one whose last line has no end", "UUID=1 / ext4 defaults 0 1", "UUID=1 / ext4 defaults 0 1\n"],
])("adds an entry at the end, %s", async (_, present, kept) => {
  const guest = guestTree({ "etc/fstab": present });
  const esp = { spec: "UUID=ABCD-0123", mountPoint: "/boot/efi", type: "vfat", options: "umask=0077,nofail", pass: 0 };
  await addToFstab(guest.files, esp);
  expect(guest.text("etc/fstab")).toBe(`${kept}UUID=ABCD-0123 /boot/efi vfat umask=0077,nofail 0 0\n`);
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
