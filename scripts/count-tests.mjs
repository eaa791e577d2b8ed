// node scripts/count-tests.mjs REPORT...: adds up vitest's json reports and prints `N passed, N failed[, N skipped]`;
// before it, in a few lines each, which tests failed: who sees but the end of a log shall know why.
// Fails when a test failed, a report is missing or broken, or no test ran.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

/** The figures of one vitest json report; a file that failed before its first test counts as one failed test. */
export function countReport(report) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const file of report.testResults) {
    const states = file.assertionResults.map((test) => test.status);
    for (const state of states) count[state === "passed" || state === "failed" ? state : "skipped"]++;
    if (file.status === "failed" && !states.includes("failed")) count.failed++;
  }
  return count;
}

const longestLine = 300;
const mostErrors = 3;

/** Each failed test of a report, with what its errors begin with and the lines in them that speak of an error. */
export function failures(report) {
  return report.testResults.flatMap((file) => {
    const failed = file.assertionResults.filter((test) => test.status === "failed");
    const texts = failed.map((test) => ({ name: test.fullName, messages: test.failureMessages ?? [] }));
    // A hook of the file, or a file that cannot be read; beside failed tests, too.
    if (file.status === "failed" && (failed.length === 0 || file.message))
      texts.push({ name: file.name, messages: [file.message ?? ""] });
    return texts.map(({ name, messages }) => [`FAILED: ${name}`, ...messages.flatMap(essence)].join("\n  "));
  });
}

function essence(message) {
  const [first, ...rest] = (message ?? "").split("\n");
  const errors = rest.filter((line) => /\berror\b/i.test(line)).slice(0, mostErrors);
  return [first, ...errors].map((line) => line.slice(0, longestLine));
}

/** The sum of `counts` as the last line of a run says it. */
export function summary(counts) {
  const sum = (key) => counts.reduce((total, count) => total + count[key], 0);
  const skipped = sum("skipped");
  return `${sum("passed")} passed, ${sum("failed")} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

function main(paths) {
  const counts = [];
  for (const path of paths) {
    try {
      const report = JSON.parse(readFileSync(path, "utf8"));
      counts.push(countReport(report));
      process.stdout.write(
        failures(report)
          .map((text) => `${text}\n`)
          .join(""),
      );
    } catch (error) {
      process.stdout.write(`count-tests: no report: ${error.message}\n`);
      process.exitCode = 1;
    }
  }
  if (counts.some((count) => count.failed > 0)) process.exitCode = 1;
  if (!counts.some((count) => count.passed > 0)) process.exitCode = 1;
  process.stdout.write(`${summary(counts)}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main(process.argv.slice(2));
