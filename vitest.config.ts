import { defineConfig } from "vitest/config";

const second = 1000;
const minute = 60 * second;

// Four kinds of tests, by what they need: nothing; root with loop devices; chroots of Debian's releases; an emulated
// machine.
export default defineConfig({
  // Node 20 is the oldest to build on: `await using` must be lowered for it.
  oxc: { target: "es2023" },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          sequence: { shuffle: { tests: true } },
          testTimeout: 30 * second,
        },
      },
      {
        extends: true,
        test: {
          name: "system",
          include: ["test/system/**/*.test.ts"],
          // Loop devices, mounts and the journal are the machine's: one file after the other.
          fileParallelism: false,
          testTimeout: 15 * minute,
          hookTimeout: 15 * minute,
        },
      },
      {
        extends: true,
        test: {
          name: "packages",
          include: ["test/packages/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 15 * minute,
          hookTimeout: 15 * minute,
        },
      },
      {
        extends: true,
        test: {
          name: "vm",
          include: ["test/vm/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 30 * minute,
          hookTimeout: 30 * minute,
        },
      },
    ],
  },
});
