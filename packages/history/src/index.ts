/** Answers from a journal: pure readers, nothing here writes. */
export { actorName } from "./actor-name.ts";
export { type AreaJson, areaToJson, ioasName, type RunJson, type SourceJson, sourceToJson } from "./area-json.ts";
export { versionAt } from "./as-of.ts";
export { type AtAnswer, type RangeJson, type SpaceJson, stateAt } from "./at.ts";
export { type BisectAnswer, type BisectOptions, bisect } from "./bisect/bisect.ts";
export { type Change, type ChangesAnswer, changesAround } from "./changes.ts";
export { type Anchor, type Clocks, clocksOf, versionAtTime } from "./clocks.ts";
export {
  type CompareAnswer,
  comparePages,
  type DumpPage,
  type PageDifference,
  type PageDump,
  type PageSide,
} from "./compare.ts";
export { type ContextIndex, indexOf } from "./context-index.ts";
export { contextNotes } from "./context-notes.ts";
export type { DeviceJson } from "./device-json.ts";
export { type DiffAnswer, diff } from "./diff.ts";
export type { EventMark } from "./event-mark.ts";
export { type ExplainOptions, explainFault } from "./explain.ts";
export type { Explanation, Findings, Verdict } from "./explanation.ts";
export type { Fault, FaultJson } from "./fault.ts";
export { type HistoryRow, historyOf } from "./history.ts";
export { parseIovaRange } from "./iova-range.ts";
export { type KeepOptions, keepIndex } from "./keep-index.ts";
export { type LogFilter, logOf } from "./log.ts";
export { type Narrowing, spacesEver, spacesOf } from "./narrowing.ts";
export { type RulesScope, ruleViolations } from "./rule-violations.ts";
export { placeOfEvent } from "./sighting.ts";
export { sizeText } from "./size-text.ts";
export { type DirtyBits, type TranslateAnswer, translateDirty } from "./translate.ts";
export { type EndedArea, type OwnedArea, type WhoAnswer, who } from "./who.ts";
