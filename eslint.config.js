import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

const exit = {
  object: "process",
  property: "exit",
  message: "It skips the releases of what is owned: throw, or set process.exitCode.",
};
const environment = {
  object: "process",
  property: "env",
  message: "Only os-api, config and the entry points read the environment.",
};
// The bundles also run on Debian 12's node 18.20, which esbuild's target does not know to be without these.
const sinceNode20 = {
  selector: "MemberExpression[property.name=/^(toSorted|toReversed|toSpliced|fromAsync|groupBy|withResolvers)$/]",
  message: "Node 18 has no such method.",
};
// `z` is an object that holds all of zod, its fifty languages included: 650 kB more in every bundle.
const wholeZod = {
  selector: "ImportDeclaration[source.value='zod/mini'] ImportSpecifier[imported.name='z']",
  message: 'Write: import * as z from "zod/mini".',
};
// Hints are formed alike: `hint: give the instance a larger disk`. A setting or a name may come first.
const hintText = ["Literal", "ConditionalExpression > Literal"].flatMap((path) => [
  `Property[key.name='hint'] > ${path}[value=/^[A-Z][a-z]|[.]$/]`,
]);
const hintTemplate = ["TemplateLiteral", "ConditionalExpression > TemplateLiteral"].flatMap((path) => [
  `Property[key.name='hint'] > ${path} > TemplateElement:first-child[value.raw=/^[A-Z][a-z]/]`,
  `Property[key.name='hint'] > ${path} > TemplateElement[tail=true][value.raw=/[.]$/]`,
]);
const unlikeHints = {
  selector: [...hintText, ...hintTemplate].join(", "),
  message: "A hint begins in lower case and ends without a full stop.",
};
const sources = ["src/**/*.ts", "bin/**/*.ts"];

export default defineConfig(
  globalIgnores([
    "node_modules",
    "coverage",
    "test-results",
    ".cache",
    "os-definition/{create,import,export,rename,verify,ganeti-instance-debootstrap}",
  ]),
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      // A `return` without `await` would leave the scope, and release, before the work is done.
      "@typescript-eslint/return-await": ["error", "always"],
      "@typescript-eslint/no-invalid-void-type": ["error", { allowAsThisParameter: true }],
      // `await using _lock = ...` is used by being held.
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
    },
  },
  {
    files: sources,
    rules: {
      "no-console": "error",
      "no-restricted-syntax": ["error", sinceNode20, wholeZod, unlikeHints],
      "no-restricted-properties": ["error", exit, environment],
      "no-restricted-imports": [
        "error",
        { paths: [{ name: "execa", message: "Commands are run by src/host/process/run.ts." }] },
      ],
    },
  },
  {
    // A wrong assumption in a test is a failing test.
    files: ["test/**/*.ts"],
    rules: { "@typescript-eslint/no-non-null-assertion": "off", "@typescript-eslint/unbound-method": "off" },
  },
  {
    files: ["src/host/process/run.ts"],
    rules: { "no-restricted-imports": "off" },
  },
  {
    files: ["src/os-api/**/*.ts", "src/config/**/*.ts", "src/commands/run-script.ts", "bin/**/*.ts"],
    rules: { "no-restricted-properties": ["error", exit] },
  },
);
