/**
 * A history's own log (`ioasis log --json`, `export --format jsonl`) as a recording: handles stand
 * for themselves, `version` gives the order.
 *
 * `context` and `profile` are read where a line has them; a log without them is one context whose
 * profile is not known.
 */
import { JsonError, type JsonObject, PROFILE_NAMES, recordedFromJson } from "@ioasis/core";
import type { Decoder, FactSink } from "../decoder.ts";

export function jsonlDecoder(): Decoder {
  const newest = new Map<string, number>();

  const take = (json: JsonObject, number: number, sink: FactSink): void => {
    const { version, stamp, actor, errno, event } = recordedFromJson(json, number);
    const { context: name, profile: promised } = json;
    const context = typeof name === "string" ? name : "";
    const before = newest.get(context);
    newest.set(context, version);
    if (before !== undefined && version !== before + 1)
      sink.problem(number, `version ${version} follows version ${before}: a part of the log is missing or doubled`);
    const profile = PROFILE_NAMES.find((known) => known === promised) ?? "unknown";
    sink.fact({ context, profile, event, errno, stamp, actor, line: number });
  };

  return {
    format: "jsonl",
    line({ text, number }, sink) {
      if (text.trim() === "") return;
      const json = parseObject(text);
      if (json === null) {
        sink.problem(number, "not a whole JSON object");
        return;
      }
      try {
        take(json, number, sink);
      } catch (error) {
        if (!(error instanceof JsonError)) throw error;
        sink.problem(number, error.message);
      }
    },
    end() {
      // Every line is complete in itself.
    },
  };
}

export function looksLikeJsonl(line: string): boolean {
  return /^\{(?:"context":"[^"]*",)?"version":\d+,"epoch":\d+,/.test(line);
}

function parseObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
  } catch {
    return null;
  }
}
