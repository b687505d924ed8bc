import { IoasisError } from "@ioasis/core";
import { MemoryTransport, Replica } from "@ioasis/replication";
import { type Journal, openMemoryJournal } from "@ioasis/store";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type DestinationEvent, receiveFrom } from "./destination.ts";
import { migrate } from "./source.ts";
import { append, fill } from "./testing/history.ts";

const test = suite("cutover");

interface World {
  readonly source: Journal;
  readonly destination: Journal;
  readonly transport: MemoryTransport;
  readonly events: DestinationEvent[];
}

function world(): World {
  const source = openMemoryJournal({ replica: "alpha-00000001" });
  const destination = openMemoryJournal({ replica: "beta-00000002" });
  const transport = new MemoryTransport();
  const events: DestinationEvent[] = [];
  const replica = new Replica(destination);
  transport.listen("beta", (connection) => void receiveFrom(connection, replica, (event) => events.push(event)));
  return { source, destination, transport, events };
}

test("20,000 events, the source still appending: equal digests, the next epoch is the destination's", async () => {
  const { source, destination, transport } = world();
  await fill(source, "guest", 10_000);
  const result = await migrate({
    journal: source,
    context: "guest",
    connection: await transport.connect("memory:beta"),
    feed: async ({ advance }) => {
      for (let i = 0; i < 40; i++) {
        await append(source, "guest", 250);
        advance();
        if (i % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
  });
  assert.is(result.reason, null);
  assert.is(result.outcome, "completed");
  assert.is(result.versions, 20_000);
  assert.is(result.epoch, 2);
  const here = source.context("guest");
  const there = destination.context("guest");
  assert.equal(there?.head, here?.head);
  assert.is(there?.head.digest, result.digest);
  assert.equal(there?.epochs, here?.epochs);
  assert.is(there?.epochs.at(-1)?.owner, "beta-00000002");
  assert.ok(result.pauseMs !== null && result.pauseMs > 0);
  const error = await append(source, "guest", 1).then(
    () => null,
    (caught: unknown) => caught,
  );
  assert.ok(error instanceof IoasisError && error.code === "ERR_NOT_OWNER");
  assert.match(error.message, "epoch 2 is owned by beta-00000002");
  assert.is((await append(destination, "guest", 10)).version, 20_010);
});

test.run();
