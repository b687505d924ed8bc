/** Two replicas and a wire between them that can lose what the test names. */
import { type Connection, type Message, memoryPair, parseMessage, Replica, type Timers } from "@ioasis/replication";
import { type Journal, openMemoryJournal } from "@ioasis/store";
import { type DestinationEvent, receiveFrom } from "../destination.ts";
import type { MigrateOptions } from "../options.ts";
import type { MigrateResult } from "../result.ts";
import { isRefusal, mayAppend } from "../rules.ts";
import { migrate } from "../source.ts";

export type Fate = "deliver" | "drop" | "cut";

/** What happens to a message that `from` sends. */
export type Wire = (message: Message, from: "source" | "destination") => Fate;

export const deliverAll: Wire = () => "deliver";

export class TwoHosts {
  readonly source: Journal;
  readonly destination: Journal;
  readonly events: DestinationEvent[] = [];
  readonly #destinationReplica: Replica;
  /** Ends when the destination's side of the last conversation has. */
  idle: Promise<void> = Promise.resolve();

  constructor(
    source: Journal = openMemoryJournal({ replica: "alpha-00000001" }),
    destination: Journal = openMemoryJournal({ replica: "beta-00000002" }),
    timers?: Timers,
  ) {
    this.source = source;
    this.destination = destination;
    this.#destinationReplica = new Replica(destination, timers);
  }

  /** A new connection; the destination serves its end. */
  connect(wire: Wire = deliverAll): Connection {
    const { ends, cut } = memoryPair();
    const [near, far] = ends;
    this.idle = receiveFrom(
      through(far, cut, (m) => wire(m, "destination")),
      this.#destinationReplica,
      (event) => this.events.push(event),
    );
    return through(near, cut, (m) => wire(m, "source"));
  }

  async migrate(
    context: string,
    options: Partial<MigrateOptions> & { readonly wire?: Wire } = {},
  ): Promise<MigrateResult> {
    const { wire, ...rest } = options;
    const connection = this.connect(wire);
    const { idle } = this;
    try {
      // A busy machine must not decide what a test is about.
      return await migrate({ journal: this.source, context, connection, downtimeLimitMs: 30_000, ...rest });
    } finally {
      await connection.close();
      await idle;
    }
  }

  /** Replicas whose own journal lets them append. */
  writers(context: string): readonly string[] {
    return [this.source, this.destination]
      .filter((journal) => !isRefusal(mayAppend(journal.context(context)?.epochs ?? [], journal.replica)))
      .map(({ replica }) => replica);
  }
}

function through(connection: Connection, cut: () => void, fate: (message: Message) => Fate): Connection {
  return {
    peer: connection.peer,
    receive: () => connection.receive(),
    close: () => connection.close(),
    send: async (frame) => {
      const what = fateOf(frame, fate);
      if (what === "cut") cut();
      if (what !== "drop") await connection.send(frame);
    },
  };
}

/** The `nth` message of a type from one side meets `fate`; everything else is delivered. */
export function wireAt(from: "source" | "destination", type: Message["type"], fate: Fate, nth = 1): Wire {
  let seen = 0;
  return (message, sender) => (sender === from && message.type === type && ++seen === nth ? fate : "deliver");
}

/** Whatever is no message at all is delivered as it is. */
function fateOf(frame: Uint8Array, fate: (message: Message) => Fate): Fate {
  try {
    return fate(parseMessage(frame));
  } catch {
    return "deliver";
  }
}
