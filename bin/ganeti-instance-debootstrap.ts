import { runScript } from "../src/commands/run-script.ts";

void runScript("ganeti-instance-debootstrap");
