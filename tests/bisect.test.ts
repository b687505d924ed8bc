/** `ioasis bisect` from a recording to the exit code. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { recordingFile, Workbench } from "./ioasis.ts";

interface Answer {
  readonly version: number | null;
  readonly steps: number;
  readonly event: { readonly type: string; readonly iova?: string } | null;
  readonly clock?: { readonly seconds: string } | null;
  readonly error?: { readonly code: string };
}

const test = suite("bisect");

test("since when an address was mapped, and since when no more", () => {
  const bench = new Workbench();
  try {
    bench.run("import", recordingFile("samples/ftrace-ath12k-use-after-unmap.txt"));
    const mapped = bench.json<Answer>("bisect", "mapped", "0xfe980000");
    assert.equal([mapped.event?.type, mapped.clock?.seconds], ["IovaMapped", "4.878076"]);
    const gone = bench.json<Answer>("bisect", "unmapped", "0xfe980000", "--from", String(mapped.version));
    assert.equal([gone.event?.type, gone.clock?.seconds], ["IovaUnmapped", "327.747766"]);
    const text = bench.run("bisect", "areas above 0");
    assert.is(text.status, 0);
    assert.match(text.out, /^"areas above 0" holds (at|from version) \d+/);
    const never = bench.run("bisect", "areas above 1000000", "--json");
    assert.is(never.status, 1);
    assert.equal((JSON.parse(never.out) as Answer).version, null);
    const wrong = bench.run("bisect", "maped", "0x1000", "--json");
    assert.is(wrong.status, 2);
    assert.is((JSON.parse(wrong.out) as Answer).error?.code, "ERR_USAGE");
  } finally {
    bench.remove();
  }
});

test.run();
