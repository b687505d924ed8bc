/**
 * Everything that two replicas say to each other. A frame is one message, packed; nothing is
 * trusted before `parseMessage` has looked at every field.
 */
import { pack } from "@ioasis/codec";
import { FAILURE_CODES, type FailureCode, IoasisError, type ProfileName } from "@ioasis/core";
import type { ContextInfo, Epoch, Point, ReplicaId } from "@ioasis/store";
import { Fields, packedFields } from "./fields.ts";
import { COMPARED_VERSIONS_MAX, EPOCHS_MAX, FRAME_BLOCKS_MAX } from "./limits.ts";
import { epochOf, type Held, heldOf, pointOf } from "./records.ts";

/** Spoken by this build; both sides must speak the same. */
export const PROTOCOL = 2;

/** A context as its publisher introduces it. */
export type Announcement = Pick<ContextInfo, "name" | "id" | "profile" | "epochs" | "head">;

interface Hello {
  readonly type: "hello";
  readonly protocol: number;
  readonly replica: ReplicaId;
}

/** Publisher: I have this context, follow it. Answered by `following` or `refused`. */
interface Announce {
  readonly type: "announce";
  readonly context: Announcement;
}
interface Following {
  readonly type: "following";
  readonly context: string;
  readonly held: Held;
}

/** Answer to `announce` (migration null) or `offer`. Nothing was changed at the sender. */
interface Refused {
  readonly type: "refused";
  readonly context: string;
  readonly migration: string | null;
  readonly code: FailureCode;
  readonly reason: string;
}

/** An Automerge sync message for one document of the context's ledger. */
interface LedgerNews {
  readonly type: "ledger";
  readonly context: string;
  readonly document: string;
  readonly bytes: Uint8Array;
  /** SHA-256 of the bytes. */
  readonly hash: string;
}
/** Publisher: the blocks behind those that it sent before. Answered by `acked` when they are durable. */
interface Blocks {
  readonly type: "blocks";
  readonly context: string;
  readonly blocks: readonly Uint8Array[];
  /** SHA-256 of the last block, which names the others by their hashes. */
  readonly hash: string;
}
/** Publisher: what is to be recorded of epochs behind the blocks that it sent before. */
interface Epochs {
  readonly type: "epochs";
  readonly context: string;
  readonly epochs: readonly Epoch[];
}
/** Publisher: what are the digests of your history at these versions? Answered by `compared`. */
interface Compare {
  readonly type: "compare";
  readonly context: string;
  readonly versions: readonly number[];
}
interface Compared {
  readonly type: "compared";
  readonly context: string;
  readonly digests: readonly string[];
}
/** The sender durably holds the history up to here. */
interface Acked {
  readonly type: "acked";
  readonly context: string;
  readonly point: Point;
}

/** Source: take this context over. Answered by `accept`, `refused`, `claimed` or `released`. */
interface Offer {
  readonly type: "offer";
  readonly migration: string;
  readonly context: Announcement;
}
interface Accept {
  readonly type: "accept";
  readonly migration: string;
  readonly context: string;
  readonly held: Held;
}
/** Source, before the fence: do you hold `point`, and what is the state's digest there? Answered by `prepared`. */
interface Prepare {
  readonly type: "prepare";
  readonly migration: string;
  readonly context: string;
  readonly point: Point;
}
interface Prepared {
  readonly type: "prepared";
  readonly migration: string;
  readonly context: string;
  readonly point: Point;
  readonly spaceDigest: string;
}
/** Source: the epoch is sealed (durably, here), behind `blocks`. Answered by `claimed` or `released`. */
interface SealTold {
  readonly type: "seal";
  readonly migration: string;
  readonly context: string;
  readonly epoch: Epoch;
  readonly blocks: readonly Uint8Array[];
}
/** Destination: I own the next epoch (durably). */
interface Claimed {
  readonly type: "claimed";
  readonly migration: string;
  readonly context: string;
  readonly epoch: Epoch;
}
/** Source: do not claim any more if you have not yet. Answered by `released` or `claimed`. */
interface Cancel {
  readonly type: "cancel";
  readonly migration: string;
  readonly context: string;
  readonly epoch: Epoch;
}
/** Destination: I promise (durably) never to claim for this migration. */
interface Released {
  readonly type: "released";
  readonly migration: string;
  readonly context: string;
  readonly reason: string;
}
/** The sender found an error and closes the connection. */
interface Fault {
  readonly type: "fault";
  readonly code: FailureCode;
  readonly message: string;
}

export type Message =
  | Hello
  | Announce
  | Following
  | Refused
  | LedgerNews
  | Blocks
  | Epochs
  | Compare
  | Compared
  | Acked
  | Offer
  | Accept
  | Prepare
  | Prepared
  | SealTold
  | Claimed
  | Cancel
  | Released
  | Fault;

export type MessageType = Message["type"];
export type MessageOf<T extends MessageType> = Extract<Message, { type: T }>;

export function encodeMessage(message: Message): Uint8Array {
  return pack(message);
}

/** @throws IoasisError ERR_PROTOCOL: not a message, an unknown type, a field missing or of another kind */
export function parseMessage(bytes: Uint8Array): Message {
  const fields = packedFields(bytes, "message");
  const type = fields.text("type");
  const parse = Object.hasOwn(PARSERS, type) ? PARSERS[type as MessageType] : undefined;
  if (parse === undefined) throw new IoasisError("ERR_PROTOCOL", `unknown message type ${JSON.stringify(type)}`);
  return parse(packedFields(bytes, `message ${type}`));
}

const PARSERS: { readonly [T in MessageType]: (fields: Fields) => MessageOf<T> } = {
  hello: (f) => ({ type: "hello", protocol: f.count("protocol"), replica: f.text("replica") }),
  announce: (f) => ({ type: "announce", context: announcementOf(f.inner("context")) }),
  following: (f) => ({ type: "following", context: f.text("context"), held: heldOf(f.inner("held")) }),
  refused: (f) => ({
    type: "refused",
    context: f.text("context"),
    migration: f.textOrNull("migration"),
    code: codeOf(f),
    reason: f.text("reason"),
  }),
  ledger: (f) => ({
    type: "ledger",
    context: f.text("context"),
    document: f.text("document"),
    hash: f.hash("hash"),
    bytes: f.bytes("bytes"),
  }),
  blocks: (f) => ({ type: "blocks", context: f.text("context"), blocks: blocksOf(f), hash: f.hash("hash") }),
  epochs: (f) => ({ type: "epochs", context: f.text("context"), epochs: epochsOf(f) }),
  compare: (f) => ({
    type: "compare",
    context: f.text("context"),
    versions: f
      .list("versions", COMPARED_VERSIONS_MAX)
      .map((version) => new Fields({ version }, "compare").count("version")),
  }),
  compared: (f) => ({
    type: "compared",
    context: f.text("context"),
    digests: f
      .list("digests", COMPARED_VERSIONS_MAX)
      .map((digest) => new Fields({ digest }, "compared").hash("digest")),
  }),
  acked: (f) => ({ type: "acked", context: f.text("context"), point: pointOf(f.inner("point")) }),
  offer: (f) => ({ type: "offer", migration: f.text("migration"), context: announcementOf(f.inner("context")) }),
  accept: (f) => ({ type: "accept", ...named(f), held: heldOf(f.inner("held")) }),
  prepare: (f) => ({ type: "prepare", ...named(f), point: pointOf(f.inner("point")) }),
  prepared: (f) => ({
    type: "prepared",
    ...named(f),
    point: pointOf(f.inner("point")),
    spaceDigest: f.hash("spaceDigest"),
  }),
  seal: (f) => ({ type: "seal", ...named(f), epoch: epochOf(f.inner("epoch")), blocks: blocksOf(f) }),
  claimed: (f) => ({ type: "claimed", ...named(f), epoch: epochOf(f.inner("epoch")) }),
  cancel: (f) => ({ type: "cancel", ...named(f), epoch: epochOf(f.inner("epoch")) }),
  released: (f) => ({ type: "released", ...named(f), reason: f.text("reason") }),
  fault: (f) => ({ type: "fault", code: codeOf(f), message: f.text("message") }),
};

function named(fields: Fields): { readonly migration: string; readonly context: string } {
  return { migration: fields.text("migration"), context: fields.text("context") };
}

function codeOf(fields: Fields): FailureCode {
  const code = fields.text("code");
  return FAILURE_CODES.find((known) => known === code) ?? "ERR_PROTOCOL";
}

function announcementOf(fields: Fields): Announcement {
  return {
    name: fields.text("name"),
    id: fields.text("id"),
    // A profile is a name that only shows; an unknown one travels on unchanged.
    profile: fields.text("profile") as ProfileName,
    epochs: epochsOf(fields),
    head: pointOf(fields.inner("head")),
  };
}

function epochsOf(fields: Fields): readonly Epoch[] {
  return fields.list("epochs", EPOCHS_MAX).map((epoch) => epochOf(new Fields(epoch, "epoch")));
}

function blocksOf(fields: Fields): readonly Uint8Array[] {
  return fields.list("blocks", FRAME_BLOCKS_MAX).map((bytes) => new Fields({ bytes }, "blocks").bytes("bytes"));
}
