import { execa, type Options, type ResultPromise } from "execa";
import type { Readable, Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import {
  CommandError,
  type CommandOutcome,
  CommandTimeout,
  type Interrupted,
  KnownError,
  quoteArgv,
} from "../errors.ts";
import type { Host } from "../host.ts";
import { guardTime, type TimeGuard } from "./time-guard.ts";
import { type Stall, type StallWatch, watchForStall } from "./stall.ts";
import { limitOf } from "./time-limits.ts";

/**
 * How a command is run. Without options: no stdin, stdout and stderr captured, clean environment, ended by a signal.
 */
export interface RunOptions {
  /** The whole environment besides PATH and LC_ALL=C, which `env` may override. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Text for stdin, a descriptor of ours, or `"pipe"` (only with {@link start}). Default: end of file. */
  readonly stdin?: { readonly text: string } | number | "pipe";
  /**
   * `"capture"` (default) for what is parsed; `"log"` passes it on to our stderr while it comes, in order with the
   * command's stderr when it is `isolated`; a descriptor of ours; `"pipe"` (only with {@link start}).
   */
  readonly stdout?: "capture" | "log" | "pipe" | number;
  /** `"capture"` (default): kept for the error message. `"log"`: passed on to our stderr as well. */
  readonly stderr?: "capture" | "log";
  /** Further descriptors of ours, which the command finds as 3, 4, ... */
  readonly descriptors?: readonly number[];
  /** Runs to its end although a signal came: for commands that acquire or release. */
  readonly shielded?: boolean;
  /**
   * A PID namespace with its own /proc: when the command ends, or we do, everything it started ends with it. For
   * commands that may run long, fork or run a guest's binaries.
   */
  readonly isolated?: boolean;
  /** The command that the log and errors show, when the argv is a wrapper around the real command. */
  readonly shownAs?: readonly string[];
  /** Seconds that it may take; default: by what the command does (time-limits.ts). */
  readonly timeoutSeconds?: number;
  /** For what may take as long as it needs, provided that it moves. */
  readonly stall?: Stall;
  /** Exit statuses that do not count as errors; default only 0. */
  readonly accept?: readonly number[];
}

/** A running command. `done` rejects like {@link run}. */
export interface RunningCommand {
  readonly pid: number | undefined;
  /** With `stdin: "pipe"`. */
  readonly stdin: Writable | undefined;
  /** With `stdout: "pipe"`. */
  readonly stdout: Readable | undefined;
  readonly done: Promise<CommandOutcome>;
  /** Ends the command's whole tree at once. */
  kill(): void;
}

const tailLines = 20;
const tailBytes = 16_384;

/**
 * Runs a command to its end and returns its outcome. Throws CommandError (status not accepted), KnownError (command
 * not found, timeout) or Interrupted (our run was signalled; the command's whole tree is ended first).
 */
export async function run(
  host: Host,
  argv: readonly [string, ...string[]],
  options: RunOptions = {},
): Promise<CommandOutcome> {
  return await start(host, argv, options).done;
}

/** Runs a command and returns its stdout without the last newline. Throws as {@link run}. */
export async function capture(
  host: Host,
  argv: readonly [string, ...string[]],
  options: RunOptions = {},
): Promise<string> {
  return (await run(host, argv, options)).stdout;
}

/** Starts a command whose streams the caller pumps. The caller must await `done`. */
export function start(host: Host, argv: readonly [string, ...string[]], options: RunOptions = {}): RunningCommand {
  const shielded = options.shielded ?? false;
  if (!shielded && host.signal.aborted) return refused(host.signal.reason);
  host.log.debug(`run ${quoteArgv(options.shownAs ?? argv)}`);
  const [file, ...args] = wrapped(argv, options);
  const child = execa(file, args, execaOptions(host, options)) as unknown as Child;
  const tail = new Tail();
  const captured = capturing(child, options);
  follow(host, child, options, tail);
  const kill = (): void => {
    killGroup(child.pid);
  };
  const guard = guardTime(host, { shielded, seconds: options.timeoutSeconds ?? limitOf(host, argv[0]), kill });
  const stall = watchForStall(host, child.pid, options.stall, () => {
    guard.end();
  });
  const done = finish(host, argv, child, options, { tail, captured, guard, stall }).finally(() => {
    guard.stop();
    stall.stop();
  });
  // The caller awaits it after its pumps. Until then a failure must not count as unhandled.
  done.catch(() => undefined);
  return {
    pid: child.pid,
    stdin: options.stdin === "pipe" ? child.stdin : undefined,
    stdout: options.stdout === "pipe" ? child.stdout : undefined,
    done,
    kill,
  };
}

function refused(reason: unknown): RunningCommand {
  const done = Promise.reject(reason instanceof Error ? reason : new KnownError("interrupted"));
  done.catch(() => undefined);
  return { pid: undefined, stdin: undefined, stdout: undefined, done, kill: () => undefined };
}

// The parent-death signal reaches every child when we are killed: one survivor in our mount namespace would pin all
// mounts of a dead run. A PID namespace is ended by its init's death; unshare --fork itself blocks TERM
// and INT.
function wrapped(argv: readonly [string, ...string[]], options: RunOptions): readonly [string, ...string[]] {
  const isolate = options.isolated === true ? ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--"] : [];
  const alive = unlessOrphaned(options.env ?? {});
  const guard = ["sh", "-c", alive, "sh", String(process.pid)];
  const pipe = options.isolated === true ? throughPipe(alive, options) : [];
  return ["setpriv", "--pdeathsig", "KILL", "--", ...guard, ...pipe, ...isolate, ...argv];
}

// A pipe of node is really a socket, and scripts that write to /dev/stderr fail on one ("No such device or address").
// cat runs outside the PID namespace, so a daemon that holds the pipe has ended before cat does.
function throughPipe(alive: string, { stdout, stderr }: RunOptions): readonly string[] {
  const command = 'setpriv --pdeathsig KILL -- sh -c "$0" sh "$$" "$@"';
  const bash = ["bash", "-p", "-o", "pipefail", "-c"];
  if (stdout === "log") return [...bash, `${command} 2>&1 | cat`, alive];
  if (stderr === "log") return [...bash, `{ ${command} 2>&1 >&9 9>&- | cat >&2 9>&-; } 9>&1`, alive];
  return [];
}

// If we were killed before the child had asked for the signal, the signal never comes, but the child's parent has
// changed. The shell's own variables do not belong to the environment that we give.
function unlessOrphaned(env: Readonly<Record<string, string>>): string {
  const added = ["PWD", "OLDPWD", "SHLVL", "_"].filter((name) => env[name] === undefined);
  return `[ "$PPID" = "$1" ] || exit 1; shift; unset ${added.join(" ")}; exec "$@"`;
}

// execa's own generic types do not fit options that are made at run time.
type Child = ResultPromise<{ reject: false; buffer: false }>;

function execaOptions(host: Host, options: RunOptions): Options {
  const stdout = options.stdout ?? "capture";
  return {
    env: { PATH: host.path, LC_ALL: "C", ...options.env },
    extendEnv: false,
    reject: false,
    // A session and process group of its own: Ctrl-C reaches only us, and the group can be ended as one.
    detached: true,
    cleanup: false,
    // Collected here, which takes a third less time for each command.
    buffer: false,
    stdio: [
      stdinOf(options),
      typeof stdout === "number" ? stdout : "pipe",
      "pipe",
      ...(options.descriptors ?? []),
    ] as NonNullable<Options["stdio"]>,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(typeof options.stdin === "object" ? { input: options.stdin.text } : {}),
  };
}

function stdinOf(options: RunOptions): "ignore" | "pipe" | number {
  if (options.stdin === undefined) return "ignore";
  return typeof options.stdin === "number" ? options.stdin : "pipe";
}

/** The command's stdout, when it is captured. It is complete once the command has ended. */
function capturing(child: Child, { stdout = "capture" }: RunOptions): () => string {
  if (stdout !== "capture") return () => "";
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString().replace(/\n$/, "");
}

function follow(host: Host, child: Child, options: RunOptions, tail: Tail): void {
  const listen = (stream: Readable | null | undefined, toLog: boolean): void => {
    const lines = wholeLines((text) => {
      host.log.raw(text);
    });
    stream?.on("data", (chunk: Buffer) => {
      tail.add(chunk);
      if (toLog) lines.add(chunk);
    });
    stream?.on("end", lines.end);
  };
  listen(child.stderr, options.stderr === "log" || options.stdout === "log");
  if (options.stdout === "log") listen(child.stdout, true);
}

interface Lines {
  readonly add: (chunk: Buffer) => void;
  readonly end: () => void;
}

const longestLine = 65_536;

// The log masks passwords in each piece of text. When a piece ends in the middle of a password, the next would show the
// rest of it. When it ends in the middle of a character, that character would be spoilt.
function wholeLines(write: (text: string) => void): Lines {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  const put = (length: number): void => {
    if (length > 0) write(rest.slice(0, length));
    rest = rest.slice(length);
  };
  return {
    add: (chunk) => {
      rest += decoder.write(chunk);
      put(rest.length > longestLine ? rest.length : rest.lastIndexOf("\n") + 1);
    },
    end: () => {
      rest += decoder.end();
      put(rest.length);
    },
  };
}

interface Watching {
  readonly tail: Tail;
  readonly captured: () => string;
  readonly guard: TimeGuard;
  readonly stall: StallWatch;
}

async function finish(
  host: Host,
  argv: readonly [string, ...string[]],
  child: Child,
  options: RunOptions,
  { tail, captured, guard, stall }: Watching,
): Promise<CommandOutcome> {
  const ended = await Promise.race([child, guard.unkillable]);
  if (ended === "unkillable") abandon(child);
  const result = ended === "unkillable" ? notEnded : ended;
  const outcome: CommandOutcome = {
    argv: options.shownAs ?? argv,
    exitCode: result.exitCode,
    signal: result.signal,
    stdout: captured(),
    said: tail.text(),
  };
  if (options.shielded !== true && host.signal.aborted) throw host.signal.reason as Interrupted;
  if (guard.expiredAfter !== undefined && result.exitCode === undefined)
    throw timeout(host, outcome, guard.expiredAfter, ended === "unkillable");
  if (stall.endedAfter !== undefined && result.exitCode !== 0)
    throw new CommandTimeout(outcome, `no progress for ${String(stall.endedAfter)} s, so it was ended`, {
      hint: "STALL_TIMEOUT sets how long a step may stand still",
    });
  if (result.exitCode !== undefined && (options.accept ?? [0]).includes(result.exitCode)) return outcome;
  if (result.signal !== undefined) throw new CommandError(outcome, `killed by ${result.signal}`);
  if (result.exitCode === undefined)
    throw new KnownError(`cannot run ${quoteArgv(outcome.argv)}: ${String(result.shortMessage)}`);
  if (result.exitCode === 127) throw new CommandError(outcome, `command not found or not runnable (status 127)`);
  throw new CommandError(outcome, `exit status ${String(result.exitCode)}`);
}

const notEnded = { exitCode: undefined, signal: "SIGKILL", shortMessage: "it does not end" } as const;

// Neither it nor its pipes keep us from ending.
function abandon(child: Child): void {
  child.unref();
  for (const stream of child.stdio as readonly (Readable | Writable | null | undefined)[]) stream?.destroy();
}

function timeout(host: Host, outcome: CommandOutcome, seconds: number, unkillable: boolean): CommandTimeout {
  const stuck = unkillable ? ", and it cannot be killed because it waits in the kernel" : "";
  return new CommandTimeout(outcome, `no end after ${String(Math.round(seconds * 10) / 10)} s${stuck}`, {
    hint: host.signal.aborted
      ? "what was not released is released by the next run, or by `ganeti-instance-debootstrap gc`"
      : "look at the kernel log and at the disk: does it answer? COMMAND_TIMEOUT says how long it is waited for",
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The last lines of a command's output. Its length does not matter. */
class Tail {
  #kept = Buffer.alloc(0);
  #cut = false;

  add(chunk: Buffer): void {
    const all = Buffer.concat([this.#kept, chunk]);
    this.#cut ||= all.length > tailBytes;
    this.#kept = all.subarray(-tailBytes);
  }

  text(): string {
    const text = this.#kept.toString().trimEnd();
    // Half a line may hold half a password, which masking would not recognise.
    const whole = this.#cut ? text.slice(text.indexOf("\n") + 1) : text;
    return whole.split("\n").slice(-tailLines).join("\n");
  }
}
