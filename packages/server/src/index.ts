/** What runs as a service: the end point of replication and migration, and what it tells over HTTP. */

export { applyLines, type CommandLines, lineGroups } from "./command-lines.ts";
export { type ContextLine, type ContextStanding, contextLine } from "./context-json.ts";
export { type ServeOptions, type Service, serve } from "./serve.ts";
