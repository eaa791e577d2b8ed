import { KnownError } from "../../host/errors.ts";

/** A backup that may be good, but not for this disk: the disk is left as it is. */
export class ImportRefusal extends KnownError {
  override readonly name = "ImportRefusal";
}
