/** The main job, end to end, in real processes: what the README's first command shows. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Workbench } from "./ioasis.ts";

const test = suite("demo");

test("plays, follows, fences, hands over, continues and explains; every check holds", () => {
  const bench = new Workbench();
  try {
    const { status, out, err } = bench.run("demo");
    assert.is(status, 0, out + err);
    assert.not.match(out, /FAIL/);
    for (const finding of [
      "46,911 maps and unmaps, 2 attaches",
      "257 live mappings were carried over",
      "263 events added, 0 in drift",
      "255 of them would make no sense",
      "47,176 versions in one history; 2 mappings live at the end",
      "use-after-unmap: mapped at 5.653486 s",
    ])
      assert.ok(out.includes(finding), `"${finding}" is not in:\n${out}`);
  } finally {
    bench.remove();
  }
});

test.run();
