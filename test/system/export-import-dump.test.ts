import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exportTo, importFrom, testInstance } from "../fixtures/backup.ts";
import { diskTree, guestDisk, inMounted, onFilesystem } from "../fixtures/guest-disk.ts";
import { leakCheckedHost } from "../fixtures/leaks.ts";
import { diskFile, loopOn, sh } from "../fixtures/loop-disk.ts";
import { originalOs } from "../fixtures/original-os.ts";

const original = originalOs();
const needed = "needs Debian's package ganeti-instance-debootstrap from an archive";

const oldUuid = "0f0f0f0f-1111-4222-8333-444444444444";
const oldSwap = "abcdef01-1111-4222-8333-444444444444";

// As an old guest was: references to its disks in every place where one may stand.
const oldGuest = String.raw`
mkdir -p etc/udev/rules.d etc/initramfs-tools/conf.d boot/grub boot/extlinux sub
printf '# by hand\nUUID=%s / ext3 errors=remount-ro 0 1\nUUID="%s" none swap sw 0 0\n' ${oldUuid.toUpperCase()} ${oldSwap} >etc/fstab
chmod 0640 etc/fstab; chown 0:4 etc/fstab
printf 'linux /vmlinuz root=UUID=%s ro\ninitrd /initrd.img\n' ${oldUuid} >boot/grub/grub.cfg
printf 'APPEND root=UUID=%s\nINITRD x\n' ${oldUuid} >boot/extlinux/extlinux.conf
printf 'swap UUID=%s /dev/urandom swap\n' ${oldSwap} >etc/crypttab
printf 'RESUME=UUID=%s\n' ${oldSwap} >etc/initramfs-tools/conf.d/resume
echo 'ENV{ID_PART_TABLE_UUID}=="01234567", SYMLINK+="disk/by-id/boot-disk"' >etc/udev/rules.d/61-boot-disk.rules
touch etc/udev/rules.d/70-persistent-net.rules etc/udev/rules.d/z25_persistent-net.rules etc/udev/rules.d/60-own.rules
head -c 200000 /dev/urandom >sub/data; ln sub/data sub/hard; ln -s data sub/link; setfattr -n user.a -v b sub/data
setfacl -m u:1000:r sub/data; truncate -s 5M sub/sparse; chmod 4755 sub/data; mkfifo sub/fifo; mknod sub/null c 1 3
find . -exec touch -h -d '2011-01-01 01:01:01' {} +
`;

describe("dump streams", () => {
  it("made by the original's export are restored, with every reference on the new disks", async ({ skip }) => {
    if (original === undefined) return skip(needed);
    const host = leakCheckedHost();
    const source = guestDisk(join(host.directory, "source"), { style: "none", type: "ext4", mib: 64 }, oldGuest);
    const stream = join(host.directory, "stream");
    original.run("export", `>'${stream}'`, loopOn(source));
    const target = diskFile(join(host.directory, "target"), 96);
    const swap = diskFile(join(host.directory, "swap"), 16);
    await importFrom(host, stream, target, {
      config: { partitionStyle: "msdos", filesystem: "ext4" },
      request: { swapDevice: swap },
    });

    expect(diskTree(target, "msdos", "sub")).toEqual(diskTree(source, "none", "sub"));
    const uuid = onFilesystem(target, "msdos", `blkid -p -o value -s UUID "$loop"`);
    expect(uuid).not.toBe(oldUuid);
    expect(sh(`blkid -p -o value -s UUID "$1"`, swap), "the swap its guest looks for").toBe(oldSwap);
    const read = (script: string): string => inMounted(target, "msdos", script);
    expect(read("cat etc/fstab; stat -c '%a %u:%g' etc/fstab")).toBe(
      `# by hand\nUUID=${uuid} / ext4 errors=remount-ro 0 1\nUUID=${oldSwap} none swap sw 0 0\n640 0:4`,
    );
    expect(read("cat boot/grub/grub.cfg boot/extlinux/extlinux.conf")).toBe(
      `linux /vmlinuz root=UUID=${uuid} ro\ninitrd /initrd.img\nAPPEND root=UUID=${uuid}\nINITRD x`,
    );
    expect(read("cat etc/crypttab etc/initramfs-tools/conf.d/resume")).toBe(
      `swap UUID=${oldSwap} /dev/urandom swap\nRESUME=UUID=${oldSwap}`,
    );
    expect(read("cat etc/udev/rules.d/61-boot-disk.rules")).toBe(
      `ENV{ID_PART_TABLE_UUID}=="${sh(`blkid -p -o value -s PTUUID "$1"`, target)}", SYMLINK+="disk/by-id/boot-disk"`,
    );
    expect(read("ls etc/udev/rules.d; ls -A")).toBe("60-own.rules\n61-boot-disk.rules\nboot\netc\nlost+found\nsub");
  });

  it("with files at the top that must not be changed are restored with their flags", async () => {
    const host = leakCheckedHost();
    const script = "echo x >fixed; mkdir log; echo y >log/all; chattr +i fixed log/all; chattr +a log; echo z >free";
    const source = guestDisk(join(host.directory, "source"), { style: "none", type: "ext4", mib: 64 }, script);
    const stream = join(host.directory, "stream");
    await exportTo(host, source, stream, { config: { exportFormat: "dump" } });
    const target = diskFile(join(host.directory, "target"), 96);
    await importFrom(host, stream, target, { config: { partitionStyle: "msdos", filesystem: "ext4" } });
    const list = "cat fixed log/all free; lsattr -d fixed log log/all free | tr -d '-' | tr -d e";
    expect(inMounted(target, "msdos", list)).toBe(inMounted(source, "none", list));
  });

  it("of EXPORT_FORMAT=dump are restored by the original's import", async ({ skip }) => {
    if (original === undefined) return skip(needed);
    const host = leakCheckedHost();
    const source = guestDisk(join(host.directory, "source"), { style: "msdos", type: "ext4", mib: 64 }, oldGuest);
    const stream = join(host.directory, "stream");
    await exportTo(host, source, stream, { config: { exportFormat: "dump", exportCompression: "gzip" } });
    const target = diskFile(join(host.directory, "target"), 96);
    original.run("import", `<'${stream}'`, loopOn(target));
    expect(diskTree(target, "none", "sub")).toEqual(diskTree(source, "msdos", "sub"));
  });

  it("are refused for what dump cannot carry, before a byte is written", async () => {
    const host = leakCheckedHost();
    const stream = join(host.directory, "stream");
    const refused = async (type: "ext4" | "xfs", mkfs: readonly string[], mib: number): Promise<void> => {
      const disk = guestDisk(join(host.directory, type), { style: "none", type, mib, mkfs }, "echo small >file");
      await expect(exportTo(host, disk, stream, { config: { exportFormat: "dump" } })).rejects.toThrow(
        /cannot be exported by dump: .*(inline_data|xfs)/,
      );
      expect(readFileSync(stream).length).toBe(0);
    };
    await refused("ext4", ["-O", "inline_data"], 64);
    await refused("xfs", [], 320);
  });

  it("make the swap of an API 5 import under its old name, and the guest's files say so", async () => {
    const host = leakCheckedHost();
    const guest = "mkdir etc; printf '/dev/sda / ext4 defaults 0 1\\n/dev/sdb none swap sw 0 0\\n' >etc/fstab";
    const source = guestDisk(join(host.directory, "source"), { style: "none", type: "ext3", mib: 32 }, guest);
    const stream = join(host.directory, "stream");
    await exportTo(host, source, stream, {
      config: { exportFormat: "dump" },
      request: { apiVersion: 5, instance: testInstance() },
    });
    const target = diskFile(join(host.directory, "target"), 48);
    const swap = diskFile(join(host.directory, "swap"), 16);
    await importFrom(host, stream, target, {
      request: { swapDevice: swap, apiVersion: 5 },
      config: { filesystem: "ext3" },
    });
    const uuid = sh(`blkid -p -o value -s UUID "$1"`, target);
    const swapUuid = sh(`blkid -p -o value -s UUID "$1"`, swap);
    expect(inMounted(target, "none", "cat etc/fstab")).toBe(
      `UUID=${uuid} / ext3 defaults 0 1\nUUID=${swapUuid} none swap sw 0 0`,
    );
    expect(existsSync(join(host.runDir, "mounts"))).toBe(true);
  });
});
