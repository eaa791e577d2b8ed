import type { SettingsRequest } from "../../config/load.ts";
import type { Host } from "../../host/host.ts";
import type { Installation } from "../../host/installation.ts";

/** The administrator's command: what its verbs share. */
export interface AdminContext {
  readonly host: Host;
  readonly installation: Installation;
  readonly environment: Readonly<Record<string, string>>;
  /** Writes an answer to stdout. */
  readonly answer: (text: string) => void;
}

/** The option of every verb that answers. */
export const jsonOption = ["--json", "answer in JSON"] as const;

export interface JsonOption {
  readonly json?: boolean;
}

/**
 * What stands for an instance where settings are asked for by hand. They depend on the OS API version only by their
 * defaults; the newest counts.
 */
export function settingsRequest({ environment }: AdminContext, variant: string | undefined): SettingsRequest {
  return { action: "config", apiVersion: 20, environment, variant };
}

/** An answer in JSON. */
export function asJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
