import { runScript } from "../src/commands/run-script.ts";

void runScript("rename");
