import * as z from "zod/mini";

// The types of values that the facts of filesystems and manifests consist of.

/** A number of bytes, blocks or inodes. */
export const bytes = z.int().check(z.nonnegative());

/** A size of blocks, inodes or sectors. */
export const powerOfTwo = z.int().check(
  z.minimum(128),
  z.maximum(65536),
  z.refine((size) => Number.isInteger(Math.log2(size))),
);

export const uuid = z.string().check(z.regex(/^[0-9a-fA-F-]{4,36}$/));

/** What goes to mkfs and sfdisk as an argument or a line: nothing that could end either. */
export const label = z.string().check(z.maxLength(255), z.regex(/^[^\u0000-\u001f\u007f]*$/));

/** A name of a feature or an option. */
export const word = z.string().check(z.regex(/^[A-Za-z0-9][\w.:+-]{0,63}$/));

/** What the facts of every family begin with, besides the type. */
export const identity = { uuid, label };

/** What the facts of every family have. */
export interface CommonFacts {
  readonly type: string;
  readonly uuid: string;
  readonly label: string;
}
