import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Config } from "../../../../src/config/config.ts";
import { loadConfig } from "../../../../src/config/load.ts";
import { planBoot } from "../../../../src/guest/boot/plan.ts";
import type { Instance } from "../../../../src/os-api/request.ts";
import { settingsTree } from "../../../fixtures/settings-tree.ts";
import { testHost } from "../../../fixtures/test-host.ts";

const directory = "examples/variants";
const names = readdirSync(directory)
  .filter((name) => name.endsWith(".conf"))
  .map((name) => name.replace(/\.conf$/, ""));

async function configOf(variant: string): Promise<Config> {
  const text = readFileSync(join(directory, `${variant}.conf`), "utf8");
  const environment = {
    PATH: "/usr/bin:/bin",
    INSTANCE_NAME: "host1.example.com",
    OS_API_VERSION: "20",
    ARCH: "amd64",
  };
  const place = settingsTree({ variants: { [variant]: text } });
  return await loadConfig(testHost(), { action: "create", apiVersion: 20, variant, environment }, place);
}

const instances: Readonly<Record<string, Instance>> = {
  "kvm-bios": instance("kvm", { kernel_path: "" }),
  "kvm-uefi": instance("kvm", { kernel_path: "", boot_type: "uefi" }),
  "xen-pvm": instance("xen-pvm", { kernel_path: "/boot/vmlinuz-3-xenU", root_path: "/dev/xvda1" }),
};

function instance(hypervisor: string, parameters: Record<string, string>): Instance {
  const hypervisorParameters = { disk_type: "paravirtual", nic_type: "paravirtual", ...parameters };
  return { name: "host1.example.com", hypervisor, hypervisorParameters, disks: [], nics: [] };
}

describe("the example variants", () => {
  test("are there for each release and way of starting", () => {
    const releases = ["debian-oldstable", "debian-stable", "ubuntu-lts"];
    expect(names.sort()).toEqual(
      releases.flatMap((release) => Object.keys(instances).map((kind) => `${release}-${kind}`)),
    );
  });

  test.each(names)("%s gives the instance it is for what it needs to start, and no warning", async (name) => {
    const kind = Object.keys(instances).find((ending) => name.endsWith(ending)) ?? "";
    const config = await configOf(name);
    expect(planBoot(config, instances[kind]!)).toMatchObject({
      loader: kind === "xen-pvm" ? "none" : "grub",
      warnings: [],
      packages: packages(name, kind),
    });
  });
});

function packages(name: string, kind: string): readonly string[] {
  if (kind === "xen-pvm") return [];
  const kernel = name.startsWith("ubuntu") ? "linux-image-virtual" : "linux-image-cloud-amd64";
  return [kernel, "grub-pc", ...(kind === "kvm-uefi" ? ["grub-efi-amd64-bin"] : [])];
}
