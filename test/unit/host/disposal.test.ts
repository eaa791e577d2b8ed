import { describe, expect, test } from "vitest";
import { allAcquired, ownedBy, ReleaseStack } from "../../../src/host/disposal.ts";
import { flattenSuppressed, KnownError } from "../../../src/host/errors.ts";

test("releases in reverse order, also behind one that fails", async () => {
  const released: string[] = [];
  const stack = new ReleaseStack();
  for (const name of ["loop", "map", "mount"]) {
    stack.defer(() => {
      released.push(name);
      return name === "map" ? Promise.reject(new Error("map is busy")) : Promise.resolve();
    });
  }
  await expect(stack[Symbol.asyncDispose]()).rejects.toThrow("map is busy");
  expect(released).toEqual(["mount", "map", "loop"]);
});

test("releases once", async () => {
  let count = 0;
  const stack = new ReleaseStack();
  stack.defer(() => {
    count += 1;
    return Promise.resolve();
  });
  await stack[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
  expect(count).toBe(1);
});

test("hands what it holds over", async () => {
  let count = 0;
  const released = (): Promise<void> => {
    count += 1;
    return Promise.resolve();
  };
  let moved: ReleaseStack;
  {
    await using stack = new ReleaseStack();
    stack.defer(released);
    moved = stack.move();
  }
  expect(count).toBe(0);
  await moved[Symbol.asyncDispose]();
  expect(count).toBe(1);
});

test("reports all failures when several releases fail", async () => {
  const stack = new ReleaseStack();
  stack.defer(() => Promise.reject(new Error("first acquired")));
  stack.defer(() => Promise.reject(new Error("last acquired")));
  await expect(stack[Symbol.asyncDispose]()).rejects.toThrow("last acquired; first acquired");
});

test("puts the cause before the failures of cleaning up", async () => {
  const work = async (): Promise<void> => {
    await using outer = new ReleaseStack();
    outer.defer(() => Promise.reject(new Error("outer release")));
    await using inner = new ReleaseStack();
    inner.defer(() => Promise.reject(new Error("inner release")));
    throw new Error("cause");
  };
  const error = await work().catch((caught: unknown) => caught);
  expect(flattenSuppressed(error).map((one) => (one as Error).message)).toEqual([
    "cause",
    "inner release",
    "outer release",
  ]);
});

test("gives back by a value what its owner holds, not what the value brought along", async () => {
  const released: string[] = [];
  const disposing = (name: string) => ({
    [Symbol.asyncDispose]: () => {
      released.push(name);
      return Promise.resolve();
    },
  });
  const stack = new ReleaseStack();
  stack.use(disposing("loop"));
  {
    await using disk = ownedBy({ path: "/dev/sdx", ...disposing("value") }, stack.move());
    expect(disk.path).toBe("/dev/sdx");
    expect(released).toEqual([]);
  }
  expect(released).toEqual(["loop"]);
});

describe("what is acquired at once", () => {
  const owned = (released: string[], name: string) => ({
    name,
    [Symbol.asyncDispose]: () => {
      released.push(name);
      return Promise.resolve();
    },
  });

  test("is returned in order", async () => {
    const released: string[] = [];
    const slow = new Promise<string>((resolve) => setTimeout(resolve, 10, "slow"));
    const [first, second] = await allAcquired([slow, Promise.resolve(owned(released, "disk"))]);
    expect([first, second.name, released]).toEqual(["slow", "disk", []]);
  });

  test("fails with all that failed, each once, the first one first", async () => {
    const signal = new Error("interrupted");
    const fail = (error: Error): Promise<never> => Promise.reject(error);
    const acquiring = allAcquired([fail(signal), fail(new Error("still held")), fail(signal)]);
    const error: unknown = await acquiring.catch((failure: unknown) => failure);
    expect(flattenSuppressed(error)).toEqual([signal, new Error("still held")]);
  });

  test("fails with one error where every reason is known, each remedy said once", async () => {
    const missing = (disk: string): Promise<never> =>
      Promise.reject(new KnownError(`${disk} is not there`, { hint: "activate it" }));
    await expect(allAcquired([missing("disk"), missing("swap")])).rejects.toMatchObject({
      message: "disk is not there; swap is not there",
      hint: "activate it",
    });
  });

  test("is given back when one of it fails, also what comes later", async () => {
    const released: string[] = [];
    const late = new Promise<void>((resolve) => setTimeout(resolve, 20)).then(() => owned(released, "late"));
    const failing = Promise.reject(new Error("in use"));
    const acquiring = allAcquired([
      Promise.resolve(owned(released, "early")),
      failing,
      Promise.resolve(undefined),
      late,
    ]);
    await expect(acquiring).rejects.toThrow("in use");
    expect(released).toEqual(["late", "early"]);
  });
});
