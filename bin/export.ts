import { exportDisk } from "../src/commands/export.ts";
import { runDiskScript } from "../src/commands/os-script.ts";

void runDiskScript("export", ({ host, request, config }) => exportDisk(host, request, config));
