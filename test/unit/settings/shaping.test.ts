import { expect, it } from "vitest";
import { settingOf, shapingSettings } from "../../../src/settings/settings.ts";
import { systemName, systemSpec } from "../../../src/system-image/spec/system-spec.ts";
import { testConfig } from "../../fixtures/config.ts";

const base = testConfig("/nonexistent", { suite: "bookworm" });

it.each(shapingSettings)(
  "%s belongs to the key of the cache, and a variant that sets it has a cache of its own",
  (name) => {
    const { key, type, choices, example, default: usual } = settingOf(name);
    const other = choices?.find((choice) => choice !== usual) ?? example ?? usual;
    const origin = { kind: "file", path: `${base.variantsDir}/mine.conf` } as const;
    const changed = { ...base, [key]: type.parse(other), variant: "mine", origins: { [name]: origin } };
    expect(systemSpec(changed, [])).not.toEqual(systemSpec(base, []));
    expect(systemName(systemSpec(changed, []), changed, [])).not.toBe(systemName(systemSpec(base, []), base, []));
  },
);
