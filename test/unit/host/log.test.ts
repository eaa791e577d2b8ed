import { expect, test } from "vitest";
import { createLog } from "../../../src/host/log.ts";

function logTo(options: { verbose?: boolean; terminal?: boolean } = {}) {
  const written: string[] = [];
  return { log: createLog({ ...options, write: (text) => written.push(text) }), text: () => written.join("") };
}

test("gives each line its level, and debug lines only when asked", () => {
  const quiet = logTo();
  quiet.log.debug("unseen");
  quiet.log.warn("seen");
  expect(quiet.text()).toBe("warning: seen\n");
  const verbose = logTo({ verbose: true });
  verbose.log.debug("seen");
  expect(verbose.text()).toBe("debug: seen\n");
});

test("says a step with its seconds and keeps it for the summary", async () => {
  const { log, text } = logTo();
  expect(await log.phase("format", () => Promise.resolve(7))).toBe(7);
  expect(text()).toMatch(/^info: format \(\d+\.\d\d s\)\n$/);
  expect(log.phases.map((phase) => phase.name)).toEqual(["format"]);
});

test("keeps the innermost step that failed", async () => {
  const { log } = logTo();
  const no = new Error("no");
  const failing = log.phase("outer", () => log.phase("inner", () => Promise.reject(no)));
  await expect(failing).rejects.toThrow("no");
  expect(log.failedPhase(no)).toBe("inner");
  expect(log.failedPhase(new Error("in other words", { cause: no }))).toBe("inner");
});

test("keeps the step in other words of its error, and forgets it for errors that are none of its", async () => {
  const { log } = logTo();
  const recovered = log.phase("fetch", () => Promise.reject(new Error("no")));
  await expect(recovered).rejects.toThrow("no");
  const later = new Error("later");
  expect(log.failedPhase(later)).toBeUndefined();
  await expect(log.phase("bootstrap", () => Promise.reject(later))).rejects.toThrow("later");
  expect(log.failedPhase(later)).toBe("bootstrap");
  const inner = (): Promise<never> => log.phase("inner", () => Promise.reject(new Error("cause")));
  const outer = log.phase("outer", () =>
    inner().catch((error: unknown) => {
      throw new Error("reworded", { cause: error });
    }),
  );
  const reworded: unknown = await outer.catch((error: unknown) => error);
  expect(log.failedPhase(reworded)).toBe("inner");
});

test("masks the password of a proxy", () => {
  const { log, text } = logTo();
  log.info("fetching by http://user:pa55@proxy.example.com:3128/ and ftp://u@h/");
  expect(text()).toBe("info: fetching by http://***@proxy.example.com:3128/ and ftp://***@h/\n");
});

test("masks a password that has an @ in it", () => {
  const { log, text } = logTo();
  log.info("PROXY=http://user:p@55@proxy.example.com:3128/");
  expect(text()).toBe("info: PROXY=http://***@proxy.example.com:3128/\n");
});

test("keeps a progress line below the log of a terminal and shows none elsewhere", () => {
  const terminal = logTo({ terminal: true });
  terminal.log.progress("unpacking 10%");
  terminal.log.info("done");
  expect(terminal.text()).toBe("unpacking 10%\r\u001b[Kinfo: done\n");
  const file = logTo();
  file.log.progress("unpacking 10%");
  expect(file.text()).toBe("");
});

test("control characters of whatever origin are made printable, and long lines and texts are cut", () => {
  let text = "";
  const log = createLog({ write: (chunk) => (text += chunk) });
  log.warn("a\u001b[31mb\u0007 \u009b2J\u202ec");
  log.raw("50%\r100%\r\ndone\tnow\n");
  expect(text).toBe("warning: a\\x1b[31mb\\x07 \\x9b2J\\u{202e}c\n50%\n100%\ndone\tnow\n");
  text = "";
  log.error("x".repeat(100_000));
  log.error("line\n".repeat(5000));
  expect(text.length).toBeLessThan(10_000);
  expect(text).toContain("... (4801 more lines)");
});
