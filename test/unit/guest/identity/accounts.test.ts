import { expect, test } from "vitest";
import { removeRootPassword } from "../../../../src/guest/identity/accounts.ts";
import { guestTree } from "../../../fixtures/guest-tree.ts";

const passwd = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/usr/sbin/nologin\n";

test.each(["*", "!", "x", "!$y$j9T$salt$hash"])(
  "empties root's password %s in the shadow file only",
  async (password) => {
    const guest = guestTree({
      "etc/passwd": passwd,
      "etc/shadow": `root:${password}:19000:0:99999:7:::\ndaemon:*:1::::::\n`,
    });
    await removeRootPassword(guest.files);
    expect(guest.text("etc/shadow")).toBe("root::19000:0:99999:7:::\ndaemon:*:1::::::\n");
    expect(guest.text("etc/passwd")).toBe(passwd);
  },
);

test("empties it in passwd where there is no shadow file", async () => {
  const guest = guestTree({ "etc/passwd": "root:*:0:0:root:/root:/bin/bash\n" });
  await removeRootPassword(guest.files);
  expect(guest.text("etc/passwd")).toBe("root::0:0:root:/root:/bin/bash\n");
});

test("adds root to a shadow file that lacks it, and makes passwd refer to it", async () => {
  const guest = guestTree({ "etc/passwd": "root:!:0:0:root:/root:/bin/sh\n", "etc/shadow": "daemon:*:1::::::\n" });
  await removeRootPassword(guest.files);
  expect(guest.text("etc/shadow")).toMatch(/^root:::0:99999:7:::\ndaemon:/);
  expect(guest.text("etc/passwd")).toMatch(/^root:x:/);
});

test("refuses a tree without root", async () => {
  await expect(removeRootPassword(guestTree({ "etc/hostname": "x" }).files)).rejects.toThrow("no account called root");
});
