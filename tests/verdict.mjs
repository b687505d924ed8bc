// What one test file's run came to. uvu's exit code alone is not to be trusted: see run.mjs.
import { stripVTControlCharacters } from "node:util";

/**
 * @param {{ code: number | null, signal: string | null, stdout: string }} run a finished test process
 * @returns {{ passed: number, failed: number, reason: string | null }} `reason`: why the file as a
 *   whole failed beside (or without) a failed assertion; it counts as one failure
 */
export function verdict({ code, signal, stdout }) {
  const text = stripVTControlCharacters(stdout);
  const sum = (label) =>
    [...text.matchAll(new RegExp(`^\\s*${label}:\\s+(\\d+)\\s*$`, "gm"))].reduce((n, match) => n + Number(match[1]), 0);
  const total = sum("Total");
  const passed = sum("Passed");
  const skipped = sum("Skipped");
  const missed = total - passed - skipped;
  const reasons = [];
  if (signal !== null) reasons.push(`killed by ${signal}`);
  if (total === 0) reasons.push("no test ran (is .run() there?)");
  if (skipped > 0) reasons.push(`${skipped} skipped (.skip or .only left in?)`);
  if (code === 0 && missed > 0) reasons.push(`${missed} of ${total} did not run to their end (does a hook throw?)`);
  if (code !== 0 && signal === null && missed === 0) reasons.push(`exit code ${code} though all ${passed} passed`);
  const failed = Math.max(missed, 0) + (reasons.length > 0 && missed <= 0 ? 1 : 0);
  return { passed, failed, reason: reasons.length > 0 ? reasons.join("; ") : null };
}
