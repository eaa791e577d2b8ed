import { expect, test } from "vitest";
import { withHost, writeHosts } from "../../../../src/guest/identity/hosts-file.ts";
import { guestTree } from "../../../fixtures/guest-tree.ts";

test("writes the standard file with the guest's own line where there is none", async () => {
  const guest = guestTree({ "etc/x": "" });
  await writeHosts(guest.files, "web.example.com");
  expect(guest.text("etc/hosts").split("\n").slice(0, 2)).toEqual([
    "127.0.0.1\tlocalhost",
    "127.0.1.1\tweb.example.com web",
  ]);
});

test("uses the address of the first interface when it has one", async () => {
  const guest = guestTree({ "etc/hosts": "127.0.0.1\tlocalhost\n" });
  await writeHosts(guest.files, "web.example.com", ["192.0.2.7"]);
  expect(guest.text("etc/hosts")).toBe("127.0.0.1\tlocalhost\n192.0.2.7\tweb.example.com web\n");
});

test.each([
  ["an earlier 127.0.1.1", "127.0.1.1\tnode.example.com node"],
  ["a line for its own name", "198.51.100.1\tweb.example.com"],
  ["a line for its short name", "198.51.100.1\tweb # old"],
])("replaces %s", (_, line) => {
  expect(withHost(`127.0.0.1 localhost\n${line}\n`, "web.example.com", "127.0.1.1")).toBe(
    "127.0.0.1 localhost\n127.0.1.1\tweb.example.com web\n",
  );
});

test("keeps other lines and comments, and writes a name without dot once", () => {
  const text = "# mine\n::1 localhost ip6-localhost\n192.0.2.1 apt.example.com # mirror\n";
  expect(withHost(text, "web", "127.0.1.1")).toBe(`127.0.1.1\tweb\n${text}`);
});

test("changes nothing the second time", () => {
  const once = withHost("127.0.0.1 localhost\n", "web.example.com", "127.0.1.1");
  expect(withHost(once, "web.example.com", "127.0.1.1")).toBe(once);
});

test("names the guest at each of its addresses", async () => {
  const guest = guestTree({ "etc/hosts": "127.0.0.1\tlocalhost\n" });
  await writeHosts(guest.files, "web.example.com", ["192.0.2.7", "2001:db8::7"]);
  expect(guest.text("etc/hosts")).toBe(
    "127.0.0.1\tlocalhost\n192.0.2.7\tweb.example.com web\n2001:db8::7\tweb.example.com web\n",
  );
});
