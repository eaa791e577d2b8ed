import { rename } from "../src/commands/rename.ts";
import { runDiskScript } from "../src/commands/os-script.ts";

void runDiskScript("rename", ({ host, request, config }) => rename(host, request, config));
