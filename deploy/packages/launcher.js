#!/usr/bin/env node
// Runs the program of this system's package. Signals go to both, so the launcher ignores its own and ends as the program does.
const { spawn } = require("node:child_process");

const name = `@ringtail/${process.platform}-${process.arch}`;
let program;
try {
  program = require.resolve(`${name}/bin/ringtail${process.platform === "win32" ? ".exe" : ""}`);
} catch {
  console.error(`error: ${name} is not installed\nhint: install ringtail again without --omit=optional, if it is made for this system`);
  process.exit(1);
}
const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`error: cannot run ${program}: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => {
  if (!signal) process.exit(code);
  // With a listener of its own, the launcher would outlive the signal and end with 0.
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
