/** All facts of a small file, without a journal. */
import { decoderOf, detect, LineReader } from "@ioasis/capture";
import { type Fact, IoasisError } from "@ioasis/core";
import { type Content, headOf } from "../content.ts";

const HEAD_BYTES = 256 * 1024;

/** @throws IoasisError ERR_INPUT when the format is not recognised */
export async function decodeFacts(file: string, content: Content): Promise<Fact[]> {
  const detected = detect(await headOf(content, HEAD_BYTES), file);
  if (!("format" in detected)) throw new IoasisError("ERR_INPUT", `${file}: ${detected.refusal}`, { file });
  const decoder = decoderOf(detected.format);
  const facts: Fact[] = [];
  const sink = { fact: (fact: Fact) => void facts.push(fact), problem: () => undefined };
  const reader = new LineReader();
  const onLine = (text: string, number: number): void => decoder.line(text, number, sink);
  for await (const chunk of content.chunks()) reader.push(chunk, onLine, () => undefined);
  reader.end(onLine, () => undefined);
  decoder.end(sink);
  return facts;
}
