import { expect, test } from "vitest";
import { planNetwork } from "../../../../src/guest/network/plan.ts";
import { applyRendering, planAgain, planRendering } from "../../../../src/guest/network/render-again.ts";
import { isIntact } from "../../../../src/guest/network/renderers/rendered.ts";
import { writeNetwork } from "../../../../src/guest/network/write.ts";
import { guestTree } from "../../../fixtures/guest-tree.ts";
import { facts, networkSettings, nic } from "../../../fixtures/network-plan.ts";
import { testHost } from "../../../fixtures/test-host.ts";

const ifupdown = { "usr/sbin/ifup": "", "etc/network/interfaces.d/.keep": "" };
const networkd = { "usr/lib/systemd/systemd-networkd": "" };
const net0 = "etc/systemd/network/10-net0.network";
const net1 = "etc/systemd/network/10-net1.network";

const planOf = (address: string, cards = 1) =>
  planNetwork(
    networkSettings("auto", [`ip=${address}/24`]),
    facts(Array.from({ length: cards }, (_, index) => nic(index))),
  );

async function guestWith(tree: Readonly<Record<string, string>>, cards = 1) {
  const guest = guestTree(tree);
  await writeNetwork(testHost(), guest.files, planOf("192.0.2.4", cards));
  return guest;
}

test("a file that nobody edited is written again, and stays ours", async () => {
  const guest = await guestWith(ifupdown);
  const rendering = await planRendering(guest.files, planOf("192.0.2.7"));
  await guest.files.editAll(rendering.edits);
  await applyRendering(guest.files, rendering);
  expect(guest.text("etc/network/interfaces")).toContain("address 192.0.2.7/24");
  expect(guest.text("etc/network/interfaces")).not.toContain("192.0.2.4");
  expect(isIntact(guest.text("etc/network/interfaces"))).toBe(true);
});

test("interfaces come and go with their files", async () => {
  const guest = await guestWith(networkd);
  const more = await planRendering(guest.files, planOf("192.0.2.4", 2));
  expect(more).toMatchObject({ edits: [], removed: [], left: [] });
  await applyRendering(guest.files, more);
  expect(guest.text(net1)).toContain("MACAddress=aa:00:00:12:34:01");
  const fewer = await planRendering(guest.files, planOf("192.0.2.4", 1));
  await applyRendering(guest.files, fewer);
  expect(await guest.files.list("/etc/systemd/network")).toEqual(["10-net0.network"]);
});

test("what was edited in the guest is left, and said", async () => {
  const guest = await guestWith(networkd, 2);
  const edited = `${guest.text(net0)}# mine\n`;
  await guest.files.write(`/${net0}`, edited);
  const rendering = await planRendering(guest.files, planOf("192.0.2.7", 2));
  await guest.files.editAll(rendering.edits);
  expect(rendering.left).toEqual([`/${net0}: it was edited in the guest`]);
  expect(guest.text(net0)).toBe(edited);
});

test.each([
  ["that configures itself", { "etc/network/interfaces": "auto lo\n" }],
  ["whose file leads elsewhere", { "etc/network/interfaces.d/x": "" }],
])("nothing happens to a guest %s", async (_, tree) => {
  const guest = guestTree(tree);
  expect(await planRendering(guest.files, planOf("192.0.2.7"))).toEqual({
    ...{ ours: [], edits: [], created: [], removed: [], left: [] },
  });
});

test("nothing happens with network=none", async () => {
  const guest = await guestWith(ifupdown);
  expect((await planRendering(guest.files, undefined)).edits).toEqual([]);
});

test("what cannot be planned is said, and fails nothing", async () => {
  const { plan, left } = await planAgain(testHost(), networkSettings("static"), { name: "web.example.com", nics: [] });
  expect(plan).toBeUndefined();
  expect(left.join()).toContain("the network: network=static");
});
