import { createHash } from "node:crypto";
import type { NetworkPlan, PlannedInterface } from "../plan.ts";

/** A file as it is to stand in the guest. */
export interface RenderedFile {
  readonly path: string;
  /** ASCII. */
  readonly text: string;
  readonly mode: number;
}

/** A program that configures a guest's interfaces. */
export interface Renderer {
  readonly name: "ifupdown" | "networkd" | "netplan" | "NetworkManager";
  /** The files for a plan, without marks. Pure. */
  render(plan: NetworkPlan): readonly RenderedFile[];
  /** Where its files lie: a directory, and which names in it can be ours. */
  readonly place: { readonly directory: string; readonly names: RegExp };
}

const mark = "# ganeti-instance-debootstrap keeps this file up to date for as long as nobody edits it: sha256 ";

/** `text` below a first line by which {@link isIntact} knows whether it was edited. All four programs take # comments. */
export function marked(text: string): string {
  return `${mark}${digest(text)}\n${text}`;
}

/** Whether `text` is as {@link marked} made it, and nobody has edited it since. */
export function isIntact(text: string): boolean {
  const [first = ""] = text.split("\n", 1);
  return first.startsWith(mark) && first.slice(mark.length) === digest(text.slice(first.length + 1));
}

/** `text` with `change` made of what stands below the mark, and a fresh mark where it was intact. */
export function editedByUs(text: string, change: (body: string) => string): string {
  if (!isIntact(text)) return change(text);
  const body = text.slice(text.indexOf("\n") + 1);
  const changed = change(body);
  return changed === body ? text : marked(changed);
}

function digest(text: string): string {
  return createHash("sha256").update(text, "latin1").digest("hex");
}

/** The interface whose files carry the name servers: the one with a default route, else the first. */
export function primaryOf({ interfaces }: NetworkPlan): PlannedInterface | undefined {
  const hasRoute = ({ ipv4, ipv6 }: PlannedInterface): boolean =>
    [ipv4, ipv6].some((ip) => ip !== undefined && ("by" in ip ? ip.takesRoute : ip.gateway !== undefined));
  return interfaces.find(hasRoute) ?? interfaces[0];
}
