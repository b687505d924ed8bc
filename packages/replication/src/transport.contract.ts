/** What every transport must do. `connect` gives the two ends of a new connection. */
import { IoasisError } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FRAME_BYTES_MAX, INCOMING_BYTES_MAX, MIB } from "./limits.ts";
import type { Connection } from "./transport.ts";

export interface TransportUnderTest {
  connect(): Promise<readonly [Connection, Connection]>;
  /** Breaks the connection as a dead network would. */
  cut(): void;
  close(): Promise<void>;
}

export function transportContract(name: string, make: () => Promise<TransportUnderTest>): void {
  const test = suite(`${name}: transport contract`);
  const withEnds = async (
    work: (near: Connection, far: Connection, transport: TransportUnderTest) => Promise<void>,
  ) => {
    const transport = await make();
    try {
      const [near, far] = await transport.connect();
      await work(near, far, transport);
    } finally {
      await transport.close();
    }
  };
  const code = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => "no error",
      (error: unknown) => (error instanceof IoasisError ? error.code : String(error)),
    );

  test("frames arrive whole, once and in order, both ways", () =>
    withEnds(async (near, far) => {
      const frames = Array.from({ length: 300 }, (_, i) => new Uint8Array(i * 7).fill(i));
      const sending = (async () => {
        for (const frame of frames) await near.send(frame);
      })();
      await far.send(Uint8Array.of(9, 9));
      for (const frame of frames) assert.equal(Array.from((await far.receive()) ?? []), Array.from(frame));
      assert.equal(Array.from((await near.receive()) ?? []), [9, 9]);
      await sending;
    }));

  test("a frame of the largest size passes, a larger one is refused where it is sent", () =>
    withEnds(async (near, far) => {
      assert.is(await code(near.send(new Uint8Array(FRAME_BYTES_MAX + 1))), "ERR_LIMIT");
      const large = new Uint8Array(FRAME_BYTES_MAX).fill(7);
      const sending = near.send(large);
      assert.is((await far.receive())?.byteLength, FRAME_BYTES_MAX);
      await sending;
    }));

  test("what was sent before a close is delivered, then null; sending afterwards fails", () =>
    withEnds(async (near, far) => {
      await near.send(Uint8Array.of(1));
      await near.send(Uint8Array.of(2));
      await near.close();
      assert.is((await far.receive())?.[0], 1);
      assert.is((await far.receive())?.[0], 2);
      assert.is(await far.receive(), null);
      assert.is(await far.receive(), null);
      assert.is(await near.receive(), null);
      assert.is(await code(near.send(Uint8Array.of(3))), "ERR_NETWORK");
      assert.is(await code(far.send(Uint8Array.of(3))), "ERR_NETWORK");
      await near.close();
    }));

  test("a reader that waits is woken by a close", () =>
    withEnds(async (near, far) => {
      const reading = far.receive();
      await near.close();
      assert.is(await reading, null);
    }));

  test("a cut is ERR_NETWORK at both ends, for readers and senders", () =>
    withEnds(async (near, far, transport) => {
      const reading = [code(near.receive()), code(far.receive())];
      transport.cut();
      assert.equal(await Promise.all(reading), ["ERR_NETWORK", "ERR_NETWORK"]);
      assert.is(await code(near.send(Uint8Array.of(1))), "ERR_NETWORK");
      assert.is(await code(far.receive()), "ERR_NETWORK");
    }));

  test("a reader that does not read makes the sender wait, and loses nothing", () =>
    withEnds(async (near, far) => {
      const count = 2 * (INCOMING_BYTES_MAX / MIB);
      let sent = 0;
      const sending = (async () => {
        for (let i = 0; i < count; i++) {
          const frame = new Uint8Array(MIB);
          frame[0] = i;
          await near.send(frame);
          sent++;
        }
      })();
      await new Promise((resolve) => setTimeout(resolve, 150));
      assert.ok(sent < count, `${sent} of ${count} were taken though nobody reads`);
      for (let i = 0; i < count; i++) assert.is((await far.receive())?.[0], i);
      await sending;
    }));

  test.run();
}
