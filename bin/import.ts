import { importDisk } from "../src/commands/import.ts";
import { runDiskScript } from "../src/commands/os-script.ts";

void runDiskScript("import", ({ host, request, config }) => importDisk(host, request, config));
