/** Every row of the bench, in the order of the report. */

import { answerBenches } from "./answers.ts";
import { appendBenches } from "./append.ts";
import { atBenches } from "./at.ts";
import { blockBytesBenches } from "./block-bytes.ts";
import { blocksBenches } from "./blocks.ts";
import { conformBenches } from "./conform.ts";
import { CURVES } from "./curves.ts";
import { cutoverBenches, SHORT_HISTORY } from "./cutover.ts";
import { decideBenches } from "./decide.ts";
import { durableBenches } from "./durable.ts";
import { importBench } from "./import.ts";
import { largeImportBenches } from "./large-import.ts";
import { memoryBenches } from "./memory.ts";
import { modelBenches } from "./model.ts";
import { openBenches } from "./open.ts";
import { precheckBench } from "./precheck.ts";
import { replayBenches } from "./replay.ts";
import { replicateBenches } from "./replicate.ts";
import type { Row } from "./row.ts";
import { rssBenches } from "./rss.ts";
import { whoBenches } from "./who.ts";
import { workloadBenches } from "./workloads.ts";

export const ROWS: readonly Row[] = [
  {
    id: "replay",
    title: "map and unmap events into live state, conflict checks included, exact 64-bit",
    goal: "at 100,000 live ≥ 1.25 × Rust BTreeMap and ≥ 8 × sorted-btree",
    sizes: { of: "live mappings", usual: [1_000, 65_535, 1e5, 1e6], byName: [] },
    make: replayBenches,
  },
  {
    id: "workloads",
    title: "replay of a recording, a boot of 1 TiB, hugepage bursts, addresses over 48 bits",
    goal: null,
    sizes: { of: "events", usual: [5e5], byName: [] },
    make: workloadBenches,
  },
  {
    id: "append",
    title: "durable append of a guest's events, batched",
    goal: "≥ 1 M events/s and ≥ 20 × Emmett on SQLite",
    sizes: { of: "events", usual: [1e6], byName: [] },
    make: appendBenches,
  },
  {
    id: "durable-command",
    title: "one durable command, alone; the opening of a live context",
    goal: "≤ 1.5 × a bare append+fdatasync",
    sizes: null,
    make: async (setting) => durableBenches(setting),
  },
  {
    id: "block-bytes",
    title: "bytes of an event in sealed blocks of the kernel trace",
    goal: "≤ 2.5 B, smaller than xz -9e of its text",
    sizes: null,
    make: blockBytesBenches,
  },
  {
    id: "blocks",
    title: "blocks of the kernel trace written, read and digested",
    goal: null,
    sizes: null,
    make: blocksBenches,
  },
  {
    id: "open",
    title: "a journal opened to its live state by a cold process, also after SIGKILL",
    goal: "≤ 300 ms; peer: replay from zero",
    sizes: { of: "events of history", usual: [1e7], byName: [1e5, 1e6, 1e8] },
    make: openBenches,
  },
  {
    id: "who",
    title: "who held IOVA X at version V, at random",
    goal: "p50 ≤ 50 µs, p99 ≤ 2 ms; peer: replay to V",
    sizes: { of: "events of history", usual: [1e7], byName: [1e5, 1e6, 1e8] },
    make: whoBenches,
  },
  {
    id: "at",
    title: "the whole state at any version, 100,000 live",
    goal: "≤ 20 ms; peer: replay to it",
    sizes: { of: "events of history", usual: [1e7], byName: [1e5, 1e6, 1e8] },
    make: atBenches,
  },
  {
    id: "replicate",
    title: "a history given to another process over loopback, ledger and blocks",
    goal: "≥ 500,000 events/s; peer: Automerge with a change an event",
    sizes: { of: "events", usual: [1e6], byName: [1e7, 1e8] },
    make: replicateBenches,
  },
  {
    id: "cutover",
    title: "pause of a cutover: 65,535 live mappings, 100,000 events/s",
    goal: "p99 ≤ 10 ms, whatever the length of the history",
    sizes: { of: "events of history", usual: [SHORT_HISTORY, 2e6], byName: [1e7] },
    make: cutoverBenches,
  },
  {
    id: "memory",
    title: "heap and buffers of live mappings",
    goal: "≤ 8 MiB",
    sizes: { of: "live mappings", usual: [65_535], byName: [1_000, 1e5, 1e6] },
    make: async (_, live) => memoryBenches(live),
  },
  {
    id: "rss",
    title: "peak memory of a process that appends a long history, and of one that asks about it",
    goal: "≤ 400 MB",
    sizes: { of: "events of history", usual: [1e7], byName: [1e5, 1e6, 1e8] },
    make: rssBenches,
  },
  {
    id: "import",
    title: "import of a kernel trace into a new journal, durable",
    goal: "≥ 500,000 lines/s",
    sizes: null,
    make: async (setting) => [await importBench(setting)],
  },
  {
    id: "import-large",
    title: "import of a synthetic kernel trace by the command, and the most memory it takes",
    goal: "≥ 500,000 lines/s, ≤ 400 MB",
    sizes: { of: "MiB of trace", usual: [128], byName: [1024] },
    make: ({ world, scratch }, size) => largeImportBenches(world, scratch, size),
  },
  {
    id: "answers",
    title: "who and explain on the kernel trace, in process and as a command",
    goal: null,
    sizes: null,
    make: answerBenches,
  },
  {
    id: "conform",
    title: "recorded kernel calls against the model",
    goal: "≥ 200,000 steps/s",
    sizes: null,
    make: async ({ world }) => conformBenches(world),
  },
  {
    id: "decide",
    title: "one command decided at 100,000 live mappings",
    goal: "≤ 3 µs",
    sizes: null,
    make: async () => [...(await decideBenches()), ...(await modelBenches())],
  },
  {
    id: "precheck",
    title: "65,535 mappings against 100 hosts",
    goal: "≤ 1 s",
    sizes: null,
    make: async () => [precheckBench()],
  },
  ...CURVES,
];
