import { constants } from "node:os";

/** Details of a {@link KnownError}: the remedy shown under the message, the cause, the exit status (default 1). */
export interface KnownErrorOptions {
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  readonly exitCode?: number;
}

/** An error that its reader can act on. It is printed with its remedy, never with a stack. Any other error is a bug. */
export class KnownError extends Error {
  override readonly name: string = "KnownError";
  readonly hint: string | undefined;
  readonly exitCode: number;

  constructor(message: string, options: KnownErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** A wrong call: flags, variables or settings. Exit status 2, by the convention of the shell's own tools. */
export class UsageError extends KnownError {
  override readonly name = "UsageError";

  constructor(message: string, options: KnownErrorOptions = {}) {
    super(message, { exitCode: 2, ...options });
  }
}

/** The outcome of a finished command. `signal` is set instead of `exitCode` when it was killed. */
export interface CommandOutcome {
  readonly argv: readonly string[];
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  /** The last lines of its stderr (and of its stdout where that was not captured). */
  readonly said: string;
}

/** An external command that failed. The message has the command and the last lines of its output. */
export class CommandError extends KnownError {
  override readonly name: string = "CommandError";
  readonly outcome: CommandOutcome;

  constructor(outcome: CommandOutcome, reason: string, options: KnownErrorOptions = {}) {
    const words = outcome.said === "" ? "" : `\n${indent(outcome.said)}`;
    super(`${reason}: ${quoteArgv(outcome.argv)}${words}`, options);
    this.outcome = outcome;
  }
}

/** An external command that did not end in its time. */
export class CommandTimeout extends CommandError {
  override readonly name = "CommandTimeout";
}

/** The run was ended by a signal; exit status 128+n as a shell reports it. */
export class Interrupted extends KnownError {
  override readonly name = "Interrupted";
  readonly signal: NodeJS.Signals;
  /** When it came, by `performance.now()`. */
  readonly at = performance.now();

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`, { exitCode: 128 + constants.signals[signal] });
    this.signal = signal;
  }
}

/** `argv` quoted so that it can be pasted into a shell. */
export function quoteArgv(argv: readonly string[]): string {
  return argv
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`))
    .join(" ");
}

/** `name=value` as a shell reads it; an empty value is written as nothing. */
export function quoteAssignment(name: string, value: string): string {
  return `${name}=${value === "" ? "" : quoteArgv([value])}`;
}

/**
 * The errors inside `error` in the order they happened: the cause first, then every failure met while cleaning up.
 * A SuppressedError (ECMAScript explicit resource management) nests them the other way round, and its own message
 * depends on the compiler that lowered `await using`.
 */
export function flattenSuppressed(error: unknown): readonly unknown[] {
  if (error instanceof Error && "suppressed" in error && "error" in error) {
    return [...flattenSuppressed(error.suppressed), ...flattenSuppressed(error.error)];
  }
  if (error instanceof ReleaseErrors) return error.errors.flatMap((failure) => flattenSuppressed(failure));
  return [error];
}

/** Failures of several releases, in their order. */
export class ReleaseErrors extends AggregateError {
  override readonly name = "ReleaseErrors";

  constructor(errors: readonly unknown[]) {
    super(errors, errors.map((error) => messageOf(error)).join("; "));
  }
}

/** One error that names several known errors. */
export function joinedErrors(failures: readonly KnownError[]): KnownError {
  const hints = new Set(failures.flatMap(({ hint }) => hint ?? []));
  const message = failures.map((failure) => failure.message).join("; ");
  return new KnownError(message, { cause: failures[0], ...(hints.size === 0 ? {} : { hint: [...hints].join("; ") }) });
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether `error` is a system error of node with this code, for example `ENOENT`. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

function indent(text: string): string {
  return text
    .split("\n")
    .map((line) => `    ${line}`)
    .join("\n");
}
