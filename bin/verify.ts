import { runVerifyScript } from "../src/commands/os-script.ts";

void runVerifyScript();
