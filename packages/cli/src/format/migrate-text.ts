import type { MigrateResult } from "@ioasis/migration";

/** What a migration came to, for people. */
export function migrateText(result: MigrateResult): string {
  const { outcome, phase, epoch, versions, digest, spaceDigest, pauseMs, precopySeconds, bytes, reason } = result;
  const lines = [
    `${outcome} in phase ${phase}${reason === null ? "" : `: ${reason}`}`,
    `  ${versions.toLocaleString("en")} versions, epoch ${epoch}`,
    `  precopy ${precopySeconds.toFixed(2)} s, ${(bytes / 1024).toFixed(1)} KiB sent, pause ${pauseMs === null ? "-" : `${pauseMs.toFixed(1)} ms`}`,
    `  digest       ${digest}`,
    `  space digest ${spaceDigest}`,
  ];
  return lines.join("\n");
}
