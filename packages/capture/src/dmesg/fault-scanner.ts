/**
 * Finds DMA faults in any text: a kernel log, a trace, or the lines that somebody pasted.
 *
 * Some printers need several lines for one fault, between which others may print; a fault waits
 * for its remaining lines over at most `HELD_LINES_MAX` others.
 */
import type { Stamp } from "@ioasis/core";
import { amdViPrinter, isOpenEvent } from "./amd-vi.ts";
import { dmarPrinter, dmarReason, isReasonLine, withReason } from "./dmar.ts";
import { FAULT_TEXT_MAX, type FaultDetail, type FaultLine, type FaultPrinter } from "./fault-line.ts";
import { ioPageFaultPrinter, traceStampOf } from "./io-page-fault.ts";
import { stampOf } from "./prefix.ts";
import { smmuV2Printer } from "./smmu-v2.ts";
import { SmmuV3Event } from "./smmu-v3.ts";
import { virtioIommuPrinter } from "./virtio-iommu.ts";

const HELD_LINES_MAX = 16;
const PRINTERS: readonly FaultPrinter[] = [
  dmarPrinter,
  amdViPrinter,
  smmuV2Printer,
  virtioIommuPrinter,
  ioPageFaultPrinter,
];
/** Every line of any printer has one of these; nothing else is worth a closer look. */
const WORTH_A_LOOK =
  /Request device \[|fault reason |Event logged|event logged|_PAGE_FAULT|INVALID_DEVICE_REQUEST|context fault:| fault from EP |io_page_fault:|arm-smmu-v3|event: |\bevent 0x/;

interface Held {
  readonly line: number;
  readonly stamp: Stamp | null;
  /** The line number at which waiting is in vain. */
  until: number;
}

export class FaultScanner {
  readonly #onProblem: (line: number, reason: string) => void;
  #dmar: (Held & { readonly detail: FaultDetail }) | null = null;
  #amd: Held | null = null;
  #smmu: (Held & { readonly event: SmmuV3Event }) | null = null;

  /** `onProblem`: told of a line that begins to tell a fault and breaks off. */
  constructor(onProblem: (line: number, reason: string) => void = () => undefined) {
    this.#onProblem = onProblem;
  }

  /** The faults that are complete with this line. `number` is 1-based and ascending. */
  line(whole: string, number: number): FaultLine[] {
    const text = whole.length > FAULT_TEXT_MAX ? whole.slice(0, FAULT_TEXT_MAX) : whole;
    const found: FaultLine[] = [];
    this.#giveUpBefore(number, found);
    if (!WORTH_A_LOOK.test(text)) return found;
    if (this.#takeReason(text, found) || this.#takeAmdTail(text, found) || this.#takeSmmu(text, number, found))
      return found;
    if (isOpenEvent(text)) {
      this.#giveUpAmd();
      this.#amd = held(text, number);
      return found;
    }
    for (const printer of PRINTERS) {
      const detail = printer.parse(text);
      if (detail === null) continue;
      if (typeof detail === "string") this.#onProblem(number, detail);
      else this.#offer(detail, text, number, found);
      break;
    }
    return found;
  }

  /** The text ended: what still waited. */
  end(): FaultLine[] {
    const found: FaultLine[] = [];
    this.#giveUpBefore(Number.POSITIVE_INFINITY, found);
    return found;
  }

  #offer(detail: FaultDetail, text: string, number: number, found: FaultLine[]): void {
    if (detail.format === "dmar" && dmarReason(text) === null) {
      this.#releaseDmar(found);
      this.#dmar = { ...held(text, number), detail };
      return;
    }
    const stamp = (detail.format === "io_page_fault" ? traceStampOf(text) : null) ?? stampOf(text);
    found.push({ ...detail, stamp, line: number });
  }

  #takeReason(text: string, found: FaultLine[]): boolean {
    const reason = isReasonLine(text) ? dmarReason(text) : null;
    if (reason === null || this.#dmar === null) return false;
    const { detail, stamp, line } = this.#dmar;
    found.push({ ...withReason(detail, reason), stamp, line });
    this.#dmar = null;
    return true;
  }

  #takeAmdTail(text: string, found: FaultLine[]): boolean {
    if (this.#amd === null || isOpenEvent(text)) return false;
    const detail = amdViPrinter.parse(text);
    if (detail === null || typeof detail === "string") return false;
    // The device's own stamp is the one beside its address: a few milliseconds after the head's.
    found.push({ ...detail, stamp: stampOf(text) ?? this.#amd.stamp, line: this.#amd.line });
    this.#amd = null;
    return true;
  }

  #takeSmmu(text: string, number: number, found: FaultLine[]): boolean {
    const current = this.#smmu ?? { ...held(text, number), event: new SmmuV3Event() };
    const step = current.event.take(text);
    if (step === "other") return false;
    if (step === "begins") {
      this.#releaseSmmu(found);
      return this.#takeSmmu(text, number, found);
    }
    current.until = number + HELD_LINES_MAX;
    this.#smmu = current;
    if (step === "complete") this.#releaseSmmu(found);
    return true;
  }

  #giveUpBefore(number: number, found: FaultLine[]): void {
    if (this.#dmar !== null && number > this.#dmar.until) this.#releaseDmar(found);
    if (this.#amd !== null && number > this.#amd.until) this.#giveUpAmd();
    if (this.#smmu !== null && number > this.#smmu.until) this.#releaseSmmu(found);
  }

  #giveUpAmd(): void {
    if (this.#amd !== null) this.#onProblem(this.#amd.line, "an AMD-Vi event that breaks off");
    this.#amd = null;
  }

  #releaseDmar(found: FaultLine[]): void {
    if (this.#dmar === null) return;
    const { detail, stamp, line } = this.#dmar;
    found.push({ ...detail, stamp, line });
    this.#dmar = null;
  }

  #releaseSmmu(found: FaultLine[]): void {
    if (this.#smmu === null) return;
    const { event, stamp, line } = this.#smmu;
    this.#smmu = null;
    const detail = event.detail;
    if (typeof detail === "string") this.#onProblem(line, detail);
    else found.push({ ...detail, stamp, line });
  }
}

function held(text: string, number: number): Held {
  return { line: number, stamp: stampOf(text), until: number + HELD_LINES_MAX };
}
