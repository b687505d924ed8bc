import { parseIovaRange, translateDirty, versionAt } from "@ioasis/history";
import type { Command } from "commander";
import { answer, command, narrowed, run, type Shell } from "../command.ts";
import { wholeContent } from "../content.ts";
import { translateText } from "../format/translate-text.ts";
import { chooseContext, withJournal } from "../journal-choice.ts";
import type { MomentOptions } from "../world.ts";

/** Of 2^31 pages: 8 TiB in pages of 4 KiB. */
const BITMAP_BYTES_MAX = 256 * 1024 * 1024;

interface Options extends MomentOptions {
  readonly iova: string;
  readonly pageSize: string;
}

export function translateCommand(shell: Shell): Command {
  return narrowed(
    command(
      "translate BITMAP --iova R [options]",
      "Dirty bits by IOVA to guest-physical ranges; exit 1 when some have none",
    ),
  )
    .argument("<bitmap>", "the bits as the kernel wrote them: bit 0 of byte 0 is the first page of --iova")
    .requiredOption("--iova <range>", "the range that the bitmap was asked for")
    .option("--page-size <bytes>", "that the bitmap was asked for", "4096")
    .option("--at <moment>", "version, @TIME, @CLOCK:SECONDS or a bookmark's name (default: now)")
    .action((bitmap: string, options: Options) =>
      run(shell, options, (given) =>
        withJournal(shell.world, given, "read", async (journal) => {
          const { name } = chooseContext(journal, given);
          const range = parseIovaRange(given.iova, "--iova");
          const { first: pageSize } = parseIovaRange(given.pageSize, "--page-size");
          const bytes = wholeContent(bitmap, BITMAP_BYTES_MAX);
          const version = versionAt(journal, name, given.at);
          const found = translateDirty(journal, name, { bytes, range, pageSize }, version, given);
          answer(shell.world, given, found, () => translateText(found));
          return found.unmapped.length + found.untold.length > 0 ? 1 : 0;
        }),
      ),
    );
}
