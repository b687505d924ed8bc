/** All facts of a small file, without a journal. */
import { detect } from "@ioasis/capture";
import { type Fact, IoasisError } from "@ioasis/core";
import { type Content, headOf } from "../content.ts";
import { decodeContent } from "./decode-content.ts";

const HEAD_BYTES = 256 * 1024;

/** @throws IoasisError ERR_INPUT when the format is not recognised */
export async function decodeFacts(file: string, content: Content): Promise<Fact[]> {
  const detected = detect(await headOf(content, HEAD_BYTES), file);
  if (!("format" in detected)) throw new IoasisError("ERR_INPUT", `${file}: ${detected.refusal}`, { file });
  const facts: Fact[] = [];
  await decodeContent(content, detected.format, (fact) => facts.push(fact));
  return facts;
}
