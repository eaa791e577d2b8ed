import * as z from "zod/mini";
import { listItems, shellWords } from "./words.ts";

/** Text that matches `pattern`. */
export const text = (pattern: RegExp) => z.string().check(z.regex(pattern));

/** Text that matches `pattern`, or nothing. */
export const optionalText = (pattern: RegExp) => z.union([z.literal(""), text(pattern)]);

const absolutePattern = /^\/[^\n\0]*$/;

/** A path that begins with a slash. */
export const absolutePath = text(absolutePattern);

/** A path that begins with a slash, or nothing. */
export const optionalPath = optionalText(absolutePattern);

/** Items that match `pattern`, separated by commas, semicolons and blanks. */
export const list = (pattern: RegExp) =>
  z.pipe(z.pipe(z.string(), z.transform(listItems)), z.readonly(z.array(text(pattern))));

/** Items as in {@link list}, each of which `parse` takes; they become what it makes of them. */
export const checkedList = (parse: (item: string) => string | undefined) =>
  z.pipe(
    z.string().check(z.refine((value) => listItems(value).every((item) => parse(item) !== undefined))),
    z.transform((value: string): readonly string[] => listItems(value).flatMap((item) => parse(item) ?? [])),
  );

/** Words as a shell splits them. */
export const words = z.pipe(
  z.string().check(z.refine((value) => shellWords(value) !== undefined)),
  z.transform((value: string) => shellWords(value) ?? []),
);

/** Only `yes` switches it on. Any other value switches it off, as in the original. */
export const onlyYes = z.pipe(
  z.string(),
  z.transform((value) => value === "yes"),
);

/** A whole number. */
export const wholeNumber = (minimum: number, maximum: number) =>
  z.pipe(text(/^[0-9]{1,12}$/), z.pipe(z.transform(Number), z.number().check(z.minimum(minimum), z.maximum(maximum))));

/** A whole number of days, or nothing: undefined. */
export const days = z.pipe(
  optionalText(/^[0-9]{1,6}$/),
  z.transform((value) => (value === "" ? undefined : Number(value))),
);

/** The fields `type`, `choices` and `expected` of a setting that is one of `choices`. */
export function oneOf<const Choices extends readonly string[]>(...choices: Choices) {
  return { type: z.enum(choices), choices, expected: inWords(choices) };
}

/** The fields `type`, `choices` and `expected` of a setting that is yes or no. */
export const yesOrNo = {
  type: z.pipe(
    z.enum(["yes", "no"]),
    z.transform((value) => value === "yes"),
  ),
  choices: ["yes", "no"],
  expected: "yes or no",
} as const;

function inWords(choices: readonly string[]): string {
  return [choices.slice(0, -1).join(", "), ...choices.slice(-1)].filter((part) => part !== "").join(" or ");
}
