import type { SettingsRequest } from "../../config/load.ts";
import type { Host } from "../../host/host.ts";
import type { Installation } from "../../host/installation.ts";

/** The things that all verbs of the administrator's command share. */
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
 * The request in place of an instance's when an administrator asks for settings. Only defaults depend on the OS API
 * version; the newest one counts here.
 */
export function settingsRequest({ environment }: AdminContext, variant: string | undefined): SettingsRequest {
  return { action: "config", apiVersion: 20, environment, variant };
}

/** An answer in JSON. */
export function asJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
