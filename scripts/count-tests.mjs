// node scripts/count-tests.mjs REPORT...: adds up vitest's json reports and prints `N passed, N failed[, N skipped]`.
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
      counts.push(countReport(JSON.parse(readFileSync(path, "utf8"))));
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
