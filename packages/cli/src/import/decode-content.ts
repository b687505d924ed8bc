/** Runs a decoder over a whole content, without a journal. */
import { decoderOf, type FormatName, type Line, LineReader } from "@ioasis/capture";
import type { Fact } from "@ioasis/core";
import type { Content } from "../content.ts";

/**
 * Calls back with every fact, in order; lines that cannot be read are passed over.
 * `onChunk` is called after every chunk: it shows how far this is, or throws to stop it.
 */
export async function decodeContent(
  content: Content,
  format: FormatName,
  onFact: (fact: Fact) => void,
  onChunk: () => void = () => undefined,
): Promise<void> {
  const decoder = decoderOf(format);
  const sink = { fact: onFact, problem: () => undefined };
  const reader = new LineReader();
  const onLine = (line: Line): void => decoder.line(line, sink);
  for await (const chunk of content.chunks()) {
    reader.push(chunk, onLine, () => undefined);
    onChunk();
  }
  reader.end(onLine, () => undefined);
  decoder.end(sink);
}
