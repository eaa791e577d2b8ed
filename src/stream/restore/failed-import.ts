/** The mark of a failed import, by the name that import knows it. */
export { markFailedImport, readFailedImportMark } from "../format/import-mark.ts";
