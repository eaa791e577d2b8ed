import type { Log } from "../../host/log.ts";

/**
 * Reads what debootstrap says on its --debian-installer descriptor (see `progress`, `info`, `warning` and `error` in
 * /usr/share/debootstrap/functions): `P: now end NAME`, then `PA: argument` lines and the printf format as
 * `PF: format`; likewise `I:`, `W:` and `E:` messages. Shows a progress line, logs each phase with its seconds, and
 * keeps the errors.
 */
export interface DebootstrapProgress {
  /** Takes one line. */
  line(this: void, text: string): void;
  /** Logs the phase under way. */
  end(): void;
  /** Errors and warnings so far, oldest first. */
  readonly complaints: readonly string[];
}

interface Message {
  readonly kind: string;
  readonly head: string;
  readonly arguments: string[];
}

export function readDebootstrapProgress(log: Log, now: () => number = () => performance.now()): DebootstrapProgress {
  const complaints: string[] = [];
  let message: Message | undefined;
  let phase: { readonly name: string; readonly since: number } | undefined;

  const end = (): void => {
    if (phase === undefined) return;
    log.progress(undefined);
    log.info(`  ${phase.name} (${((now() - phase.since) / 1000).toFixed(1)} s)`);
    phase = undefined;
  };
  const enter = (name: string): void => {
    if (phase?.name === name) return;
    end();
    phase = { name, since: now() };
  };
  const complete = ({ kind, head, arguments: words }: Message, format: string): void => {
    const text = formatted(format, words);
    if (kind === "P") {
      const [done = "0", all = "0"] = head.split(" ");
      enter(text);
      log.progress(`${text}: ${percentage(Number(done), Number(all))}`);
    } else if (kind === "I") {
      log.debug(text);
    } else {
      complaints.push(text);
    }
  };
  return {
    complaints,
    end,
    line(text) {
      const match = /^([PIWE])([AF]?): ?(.*)$/.exec(text);
      if (match === null) return;
      const [, kind = "", part = "", value = ""] = match;
      if (part === "") message = { kind, head: value, arguments: [] };
      else if (part === "A") message?.arguments.push(value);
      else if (message !== undefined) {
        complete(message, value);
        message = undefined;
      }
    },
  };
}

function formatted(format: string, words: readonly string[]): string {
  let index = 0;
  return format.replaceAll("%s", () => words[index++] ?? "");
}

function percentage(done: number, all: number): string {
  return all > 0 ? `${String(Math.min(100, Math.floor((100 * done) / all)))} %` : "";
}
