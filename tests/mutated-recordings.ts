/** Recordings with seeded damage, put through detection, decoding, recording and the journal. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { type Decoder, decoderOf, detect, type Line, LineReader } from "@ioasis/capture";
import { FactRecorder, openMemoryJournal } from "@ioasis/store";
import { ROOT } from "./ioasis.ts";

const BYTES_MAX = 60_000;

interface Recording {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The beginnings of all recordings of the project that some decoder reads. */
function recordings(): Recording[] {
  const folder = path.join(ROOT, "tests/recordings");
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(txt|log|jsonl)(\.gz)?$/.test(name))
    .map((name) => {
      const raw = readFileSync(path.join(folder, name));
      const bytes = name.endsWith(".gz") ? gunzipSync(raw) : raw;
      return { name, bytes: new Uint8Array(bytes.subarray(0, BYTES_MAX)) };
    })
    .filter(({ name, bytes }) => "format" in detect(bytes, name));
}

/** A generator of numbers below `below`, the same for a seed. */
function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Bytes flipped, digits changed, pieces dropped, doubled and moved. */
function mutated(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  let result = Uint8Array.from(bytes);
  for (let change = 1 + random(20); change > 0; change--) {
    const at = random(result.length);
    const length = 1 + random(40);
    const digits = '0123456789abcdefx-=,:{}"\n \0\xff';
    switch (random(5)) {
      case 0:
        result[at] = random(256);
        break;
      case 1:
        for (let i = at; i < Math.min(at + length, result.length); i++)
          result[i] = digits.charCodeAt(random(digits.length));
        break;
      case 2:
        result = Uint8Array.from([...result.subarray(0, at), ...result.subarray(at + length)]);
        break;
      case 3:
        result = Uint8Array.from([...result.subarray(0, at), ...result.subarray(Math.max(0, at - length))]);
        break;
      default: {
        const piece = result.subarray(at, at + length);
        const to = random(result.length);
        result = Uint8Array.from([...result.subarray(0, to), ...piece, ...result.subarray(to)]);
      }
    }
    if (result.length === 0) return Uint8Array.of(10);
  }
  return result;
}

/** Imports `bytes` as what `name` is and finishes. @returns the events that came of it */
async function imported({ name, bytes }: Recording, like: Uint8Array): Promise<number> {
  const detected = detect(like, name);
  if (!("format" in detected)) return 0;
  const journal = openMemoryJournal();
  const decoder: Decoder = decoderOf(detected.format);
  const recorder = new FactRecorder(journal, {
    id: "00000000",
    file: name,
    format: detected.format,
    nameOf: (key, ordinal) => `${key === "" ? "c" : "k"}${ordinal}`,
    known: () => 0,
    refsAreHandles: detected.format === "jsonl",
    onDrift: () => undefined,
    onProblem: () => undefined,
  });
  const sink = { fact: (fact: Parameters<typeof recorder.fact>[0]) => recorder.fact(fact), problem: () => undefined };
  const reader = new LineReader();
  const onLine = (line: Line): void => decoder.line(line, sink);
  reader.push(bytes, onLine, () => undefined);
  reader.end(onLine, () => undefined);
  decoder.end(sink);
  await recorder.finish(bytes.length, "0".repeat(64));
  const report = await journal.verify();
  if (!report.ok) throw new Error(`${name}: the journal is damaged: ${JSON.stringify(report.damage)}`);
  await journal.close();
  return recorder.events;
}

/** Imports every recording, `rounds` times with other damage. @throws Error that names the seed and the recording */
export async function importMutations(seed: number, rounds: number): Promise<{ recordings: number; events: number }> {
  const all = recordings();
  let events = 0;
  for (let round = 0; round < rounds; round++)
    for (const [index, { name, bytes }] of all.entries()) {
      const changed = mutated(bytes, seeded(seed + round * 1000 + index));
      try {
        events += await imported({ name, bytes: changed }, bytes);
      } catch (error) {
        throw new Error(`seed ${seed}, round ${round}, ${name}: ${error instanceof Error ? error.stack : error}`);
      }
    }
  return { recordings: all.length, events };
}
