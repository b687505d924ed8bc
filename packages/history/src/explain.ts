/** `explain`: why the IOMMU refused an access, by what the record shows of its address. */
import type { Journal } from "@ioasis/store";
import { type Clocks, clocksOf } from "./clocks.ts";
import { indexOf } from "./context-index.ts";
import type { Explanation, Findings } from "./explanation.ts";
import { type Fault, faultRange, faultToJson, hardwareSays } from "./fault.ts";
import { momentOf } from "./fault-moment.ts";
import { findingsOf } from "./findings.ts";
import { suspectsOf } from "./suspect-spaces.ts";

export interface ExplainOptions {
  /** A moment as `--at` takes it, instead of the fault's own time. */
  readonly at?: string | undefined;
  /** Of `clocksOf`, so that many faults read them once. */
  readonly clocks?: Clocks | undefined;
}

/** @throws IoasisError ERR_USAGE and ERR_VERSION of `at`, ERR_DAMAGED */
export function explainFault(
  journal: Journal,
  context: string,
  fault: Fault,
  options: ExplainOptions = {},
): Explanation {
  const clocks = options.clocks ?? clocksOf(journal, context);
  const moment = momentOf(journal, context, fault.stamp, clocks, options.at);
  const index = indexOf(journal, context);
  const state = index.recordsAt(moment.version);
  const suspects = suspectsOf(index, state, moment.version, fault);
  const range = faultRange(fault);
  const findings =
    range === null ? withoutAddress(fault) : findingsOf({ index, fault, moment, state, suspects, range });
  const words = fault.reason === "" ? [] : [`The IOMMU's own words: ${fault.reason}.`];
  const uncertainty = [...findings.uncertainty, ...moment.uncertainty, ...suspects.uncertainty, ...rateLimit(fault)];
  return {
    context,
    version: moment.version,
    fault: faultToJson(fault),
    ...findings,
    evidence: [...findings.evidence, ...suspects.evidence, ...words],
    uncertainty,
  };
}

/** The hardware's words may still tell what kind of fault it was. */
function withoutAddress(fault: Fault): Findings {
  return {
    verdict: hardwareSays(fault),
    area: null,
    mappedAt: null,
    unmappedAt: null,
    gapSeconds: null,
    by: null,
    evidence: ["The fault names no address, so no mapping can be looked up."],
    uncertainty: [],
  };
}

/** Kernels print at most some faults a second (DEFAULT_RATELIMIT_BURST); trace events are not limited. */
function rateLimit({ format }: Fault): string[] {
  if (format === "io_page_fault") return [];
  return ["Kernels limit how many faults they print: this one need not be the first of its kind."];
}
