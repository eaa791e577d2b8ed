import { create } from "../src/commands/create.ts";
import { runDiskScript } from "../src/commands/os-script.ts";

void runDiskScript("create", ({ host, request, config, installation }) => create(host, request, config, installation));
