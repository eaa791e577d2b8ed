import { admin } from "../src/commands/admin/program.ts";
import { runScript } from "../src/commands/run-script.ts";
import { answer } from "../src/host/standard-output.ts";

void runScript("ganeti-instance-debootstrap", ({ argv, ...run }) => admin({ ...run, answer }, argv));
