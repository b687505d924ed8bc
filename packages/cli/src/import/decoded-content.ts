/** Decodes a content in this thread. */
import type { FormatName } from "@ioasis/capture";
import type { Content } from "../content.ts";
import { type FactPack, PackMaker } from "./fact-pack.ts";

const LF = 0x0a;

/** `isByLine`: a pack for each line, for whoever wants to wait between lines. */
export async function* decodedContent(
  content: Content,
  format: FormatName,
  isByLine: boolean,
): AsyncGenerator<FactPack> {
  const maker = new PackMaker(format);
  for await (const chunk of content.chunks())
    for (const part of isByLine ? lineParts(chunk) : [chunk]) yield maker.part(part, content.takenBytes());
  yield maker.end(content.takenBytes(), content.cutShort());
}

/** The chunk cut after each line. */
function* lineParts(chunk: Uint8Array): Generator<Uint8Array> {
  let from = 0;
  while (from < chunk.length) {
    const end = chunk.indexOf(LF, from);
    const to = end < 0 ? chunk.length : end + 1;
    yield chunk.subarray(from, to);
    from = to;
  }
}
