import { flattenSuppressed } from "./errors.ts";

/** Something owned that is given back when its `await using` scope ends. */
export interface Owned extends AsyncDisposable {
  [Symbol.asyncDispose](): Promise<void>;
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

  /** Hands everything over to a new stack: for an acquirer that succeeded and returns what it holds. */
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

/** Several releases failed. */
export class ReleaseErrors extends AggregateError {
  override readonly name = "ReleaseErrors";

  constructor(errors: readonly unknown[]) {
    super(errors, errors.map((error) => (error instanceof Error ? error.message : String(error))).join("; "));
  }
}
