/** Replicas: what they say to each other, the ledger that they share, the connections between them. */

export { announcementOf, type Refusal, refusalOf } from "./announcement.ts";
export { Following } from "./following.ts";
export { PeerIntake } from "./intake.ts";
export { Ledger } from "./ledger.ts";
export type { Fork } from "./manifest-index.ts";
export { MemoryTransport, memoryPair } from "./memory-transport.ts";
export { type Announcement, encodeMessage, type Message, type MessageOf, PROTOCOL, parseMessage } from "./messages.ts";
export { Peer } from "./peer.ts";
export { Publication } from "./publication.ts";
export { type Held, isSamePoint } from "./records.ts";
export { Replica } from "./replica.ts";
export { systemTimers, type Timers } from "./timers.ts";
export type { Connection, Listener } from "./transport.ts";
export { connectWebSocket, listenWebSocket, type WebSocketDoor } from "./websocket-transport.ts";
