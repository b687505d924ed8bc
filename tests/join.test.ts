/** Two bpftrace recorders of one boot: a call and the kernel's lines inside it are one event. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ImportAnswer, recordingFile, Workbench } from "./ioasis.ts";

interface LogLine {
  readonly event: { readonly type: string; readonly source?: { readonly kind: string; readonly runs?: string[][] } };
}

const CALLS = recordingFile("bpftrace/oracle1-iommu-rec.jsonl.gz");
const PAGES = recordingFile("bpftrace/oracle1-iommu-iommu.jsonl.gz");
const test = suite("import --join");

test("the calls are the events, the 14,767 map lines are their runs", () => {
  const bench = new Workbench();
  try {
    const alone = new Workbench();
    const calls = alone.json<ImportAnswer>("import", CALLS).files[0]?.events;
    alone.remove();
    const report = bench.json<ImportAnswer>("import", "--join", PAGES, CALLS);
    assert.is(report.files.length, 1);
    assert.is(report.files[0]?.events, calls);
    assert.equal(report.drift, []);
    let runs = 0;
    let maps = 0;
    for (const { context } of report.contexts)
      for (const { event } of bench.lines<LogLine>("log", "--context", context, "--type", "IovaMapped")) {
        assert.is(event.source?.kind, "va");
        maps++;
        runs += event.source?.runs?.length ?? 0;
      }
    assert.is(maps, 64);
    assert.is(runs, 14_767, "and 32 more are the kernel's own test at SET_IOMMU");
    assert.is(bench.json<ImportAnswer>("import", "--join", PAGES, CALLS).files[0]?.events, 0);
  } finally {
    bench.remove();
  }
});

test.run();
