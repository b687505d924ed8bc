/** Programs that a test needs and that a machine may not have. In CI nothing is left out. */
import { spawnSync } from "node:child_process";

/**
 * Whether `program` can be started; if not, says what to install, and the runner prints it.
 * In CI a missing one fails the file.
 */
export function hasProgram(program: string, remedy: string): boolean {
  if (spawnSync(program, ["--version"]).error === undefined) return true;
  if (process.env["CI"] !== undefined) throw new Error(`${program} is missing: ${remedy}`);
  console.log(`left out: tests that need ${program}: ${remedy}`);
  return false;
}
