import { flattenSuppressed, joinedErrors, type KnownError, ReleaseErrors } from "./errors.ts";

/** A resource that is released when its `await using` scope ends. */
export interface Owned extends AsyncDisposable {
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * `value` as something owned: its release is that of `owner`. The value is the first argument, so that an expression
 * that throws does so before `stack.move()` has taken the releases away from their scope.
 */
export function ownedBy<T extends object>(value: T, owner: Owned): T & Owned {
  return { ...value, [Symbol.asyncDispose]: () => owner[Symbol.asyncDispose]() };
}

/**
 * Waits until all have settled, and returns their results. When any failed, releases the resources of the others and
 * throws the first failure; it suppresses later failures and those of the releases. When all failures are known errors,
 * they become one error that names each.
 */
export async function allAcquired<T extends readonly unknown[]>(
  acquisitions: readonly [...{ readonly [K in keyof T]: Promise<T[K]> }],
): Promise<T> {
  const settled = await Promise.allSettled(acquisitions as readonly Promise<unknown>[]);
  const failures = new Set(
    settled.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : [])),
  );
  const acquired = settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  if (failures.size === 0) return acquired as unknown as T;
  const [first, ...others] = isKnownForAll([...failures]) ? [joinedErrors([...failures] as KnownError[])] : failures;
  await using stack = new ReleaseStack();
  for (const other of others)
    stack.defer(async () => {
      await Promise.resolve();
      throw other;
    });
  for (const owned of acquired) if (isOwned(owned)) stack.use(owned);
  throw first;
}

function isKnownForAll(failures: readonly unknown[]): boolean {
  return failures.length > 1 && failures.every((failure) => failure instanceof Error && failure.name === "KnownError");
}

function isOwned(value: unknown): value is Owned {
  return typeof value === "object" && value !== null && Symbol.asyncDispose in value;
}

/**
 * A stack of releases, run last in first out; a failing one does not stop the others. Ponyfill of
 * AsyncDisposableStack: remove when Node 24 is the oldest supported.
 */
export class ReleaseStack implements Owned {
  readonly #releases: (() => Promise<void>)[] = [];

  /** Promises a release; call it before the acquiring command when that can fail halfway. */
  defer(release: () => Promise<void>): void {
    this.#releases.push(release);
  }

  use<T extends Owned>(owned: T): T {
    this.defer(() => owned[Symbol.asyncDispose]());
    return owned;
  }

  /** Moves everything to a new stack, for a function that succeeded and returns its resources. */
  move(): ReleaseStack {
    const moved = new ReleaseStack();
    moved.#releases.push(...this.#releases.splice(0));
    return moved;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (let release = this.#releases.pop(); release !== undefined; release = this.#releases.pop()) {
      try {
        await release();
      } catch (error) {
        failures.push(...flattenSuppressed(error));
      }
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new ReleaseErrors(failures);
  }
}
