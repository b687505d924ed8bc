/** EFAULT and ENOMEM of pinning: pages belong to the MAP that made them. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Command } from "../commands.ts";
import { Model, PAGE, VA } from "./testing/model.ts";

const test = suite("pinning");

const IOVA = 0x100_0000n;
const LIMITED = { memlockBytes: 2n * PAGE, canLockMemory: false };

/** A model whose copies are known to be copies. */
class Pinning extends Model {
  readonly copies = new Map<number, number>();

  constructor(environment: Partial<Model["environment"]>, kernel = "6.12") {
    super(environment, kernel);
    this.environment = { ...this.environment, copies: this.copies };
  }

  copy(dstIoasId: number, srcIova: bigint, dstIova: bigint, flags = 7, srcIoasId = 1) {
    const length = PAGE;
    const command: Command = { command: "CopyIova", flags, dstIoasId, srcIoasId, length, dstIova, srcIova };
    const outcome = this.run(command);
    const { maps } = (outcome.out ?? { maps: [] }) as { readonly maps: readonly (number | null)[] };
    for (const [i, map] of maps.entries()) this.copies.set(this.state.version - maps.length + 1 + i, map ?? 0);
    return outcome;
  }
}

test("a copy is charged with its MAP, another MAP of the same address once more (incr_user_locked_vm)", () => {
  const model = new Pinning(LIMITED);
  model.alloc();
  model.attach(1);
  assert.is(model.map(1, IOVA, PAGE).errno, null);
  assert.is(model.copy(1, IOVA, IOVA + 0x1_0000n).errno, null);
  assert.is(model.copy(1, IOVA, IOVA + 0x2_0000n).errno, null);
  assert.is(model.map(1, IOVA + PAGE, PAGE).errno, null);
  assert.is(model.map(1, IOVA + 2n * PAGE, PAGE).errno, "ENOMEM");
  // The pages of the first MAP stay charged as long as a copy has them pinned.
  model.unmap(1, IOVA, PAGE);
  assert.is(model.map(1, IOVA + 2n * PAGE, PAGE).errno, "ENOMEM");
  model.unmap(1, IOVA + 0x1_0000n, 0x2_0000n);
  assert.is(model.map(1, IOVA + 2n * PAGE, PAGE).errno, null);
});

test("nothing is charged that nobody pins, and no MAP made with CAP_IPC_LOCK (iopt_alloc_pages)", () => {
  const model = new Pinning({ memlockBytes: 0n });
  model.alloc();
  model.map(1, IOVA, PAGE);
  model.environment = { ...model.environment, canLockMemory: false, lockedUpTo: model.state.version };
  model.map(1, IOVA + PAGE, PAGE);
  assert.is(model.attach(1).errno, "ENOMEM");
  model.unmap(1, IOVA + PAGE, PAGE);
  assert.is(model.attach(1).errno, null);
});

test("pages that their MAP has pinned need not be reachable any more; the same address by another MAP must be", () => {
  const model = new Pinning({});
  model.alloc();
  model.attach(1);
  model.map(1, IOVA, PAGE);
  model.environment = { ...model.environment, memory: model.environment.memory.without(VA, PAGE) };
  assert.is(model.copy(1, IOVA, IOVA + 0x1_0000n).errno, null);
  assert.is(model.map(1, IOVA + PAGE, PAGE).errno, "EFAULT");
});

test("a file ends where it ends, and its copies keep what its MAP may write", () => {
  const model = new Pinning({ files: new Map([[0, 2n * PAGE]]) }, "7.3");
  model.alloc();
  model.attach(1);
  const file = (flags: number, start: bigint, iova: bigint) =>
    model.run({ command: "MapFile", ioasId: 1, flags, fd: 0, start, length: PAGE, iova });
  assert.is(file(7, 2n * PAGE, IOVA).errno, "EINVAL");
  assert.is(file(7, PAGE, IOVA).errno, null);
  assert.is(model.copy(1, IOVA, IOVA + PAGE, 5).errno, null);
  const [, readOnly] = [...model.state.space(0).areas.all()];
  assert.equal(readOnly?.source, { kind: "file", fd: 0, start: PAGE, writable: true });
  assert.is(model.copy(1, IOVA + PAGE, IOVA + 2n * PAGE, 7).errno, null);
  assert.is(file(5, PAGE, IOVA + 3n * PAGE).errno, null);
  assert.is(model.copy(1, IOVA + 3n * PAGE, IOVA + 4n * PAGE, 7).errno, "EPERM");
});

test.run();
