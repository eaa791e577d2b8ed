import { expect, it } from "vitest";
import { settingOf, shapingSettings } from "../../../src/settings/settings.ts";
import { cacheKeyOf, cacheName } from "../../../src/system-image/cache/system-key.ts";
import { testConfig } from "../../fixtures/config.ts";

const needs = { packages: [], filesystem: "ext4", bootloader: "none" } as const;
const base = testConfig("/nonexistent", { suite: "bookworm" });

it.each(shapingSettings)(
  "%s belongs to the key of the cache, and a variant that sets it has a cache of its own",
  (name) => {
    const { key, type, choices, example, default: usual } = settingOf(name);
    const other = choices?.find((choice) => choice !== usual) ?? example ?? usual;
    const origin = { kind: "file", path: `${base.variantsDir}/mine.conf` } as const;
    const changed = { ...base, [key]: type.parse(other), variant: "mine", origins: { [name]: origin } };
    expect(cacheKeyOf(changed, needs)).not.toEqual(cacheKeyOf(base, needs));
    expect(cacheName(cacheKeyOf(changed, needs), changed, needs)).not.toBe(
      cacheName(cacheKeyOf(base, needs), base, needs),
    );
  },
);
