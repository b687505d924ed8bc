/**
 * Arm SMMU v3: drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c arm_smmu_dump_event. Five raw lines, and
 * from Linux 6.13 on one or two lines in words below them:
 *
 *     arm-smmu-v3 arm-smmu-v3.0.auto: event 0x10 received:
 *     arm-smmu-v3 arm-smmu-v3.0.auto:    0x0002060000000010      (four 64-bit words)
 *     arm-smmu-v3 arm-smmu-v3.0.auto: event: F_TRANSLATION client: 0001:06:00.0 sid: 0x20600 ssid: 0x0 iova: 0xff9bc000 ipa: 0x0
 *     arm-smmu-v3 arm-smmu-v3.0.auto: unpriv data write s1 "Input address caused fault" stag: 0x0
 *
 * The words' layout is that of Arm IHI 0070, chapter 7.3.
 */
import type { Iova } from "@ioasis/core";
import { type FaultDetail, hexAddress } from "./fault-line.ts";

const RECEIVED = /\bevent 0x([0-9a-f]{2}) received:/;
const WORD = /arm-smmu-v3 [^ ]+:\s+0x([0-9a-f]{16})\s*$/;
const IN_WORDS =
  /\bevent: (\w+) client: (.+?) sid: (0x[0-9a-f]+|0) ssid: (0x[0-9a-f]+|0)(?: iova: (0x[0-9a-f]+|0) ipa: (?:0x[0-9a-f]+|0)| fetch_addr: (?:0x[0-9a-f]+|0))?/;
const ACCESS = /\b(?:un)?priv (?:inst|data) (read|write) (s[12]) "([^"]*)"/;
const WORDS = 4;

const EVENT_NAMES: Readonly<Record<number, string>> = {
  1: "F_UUT",
  2: "C_BAD_STREAMID",
  3: "F_STE_FETCH",
  4: "C_BAD_STE",
  5: "F_BAD_ATS_TREQ",
  6: "F_STREAM_DISABLED",
  7: "F_TRANSL_FORBIDDEN",
  8: "C_BAD_SUBSTREAMID",
  9: "F_CD_FETCH",
  10: "C_BAD_CD",
  11: "F_WALK_EABT",
  16: "F_TRANSLATION",
  17: "F_ADDR_SIZE",
  18: "F_ACCESS",
  19: "F_PERMISSION",
  32: "F_TLB_CONFLICT",
  33: "F_CFG_CONFLICT",
  36: "E_PAGE_REQUEST",
  37: "F_VMS_FETCH",
};
/** Events whose third word is the address that the device used. */
const WITH_INPUT_ADDRESS = new Set([0x01, 0x05, 0x07, 0x0b, 0x10, 0x11, 0x12, 0x13, 0x20, 0x24]);

/** What a line has to do with an event: nothing, a part of one, or its last line. */
export type SmmuV3Step = "other" | "begins" | "more" | "complete";

/** The lines of one event, gathered. */
export class SmmuV3Event {
  #id: number | null = null;
  readonly #words: bigint[] = [];
  #inWords: FaultDetail | null = null;

  /** Feeds one line; `"begins"`: it opens a new event, and this one is as complete as it gets. */
  take(text: string): SmmuV3Step {
    const received = RECEIVED.exec(text);
    if (received !== null) {
      if (this.#id !== null || this.#inWords !== null) return "begins";
      this.#id = Number.parseInt(received[1] as string, 16);
      return "more";
    }
    const word = this.#id === null || this.#words.length === WORDS ? null : WORD.exec(text);
    if (word !== null) {
      this.#words.push(BigInt(`0x${word[1]}`));
      return "more";
    }
    const event = IN_WORDS.exec(text);
    if (event !== null) {
      const raw = this.#fromWords();
      if (this.#inWords !== null || (raw !== null && !isSame(event, raw))) return "begins";
      this.#inWords = detailInWords(event, raw);
      return event[5] === undefined ? "complete" : "more";
    }
    const access = this.#inWords === null ? null : ACCESS.exec(text);
    if (access === null || this.#inWords === null) return "other";
    const reason = `${this.#inWords.reason}, ${access[3]}, ${access[2] === "s1" ? "stage 1" : "stage 2"}`;
    this.#inWords = { ...this.#inWords, access: access[1] === "read" ? "read" : "write", reason };
    return "complete";
  }

  /** What the lines so far tell; a string: they break off too early. */
  get detail(): FaultDetail | string {
    return this.#inWords ?? this.#fromWords() ?? "an SMMU event that breaks off";
  }

  #fromWords(): FaultDetail | null {
    const [event, access, address] = this.#words;
    if (this.#id === null || this.#words.length < WORDS) return null;
    if (event === undefined || access === undefined || address === undefined) return null;
    const hasAddress = WITH_INPUT_ADDRESS.has(this.#id);
    const bit = (number: bigint): boolean => ((access >> number) & 1n) === 1n;
    return {
      format: "smmu-v3",
      device: `sid 0x${(event >> 32n).toString(16)}`,
      pasid: ((event >> 11n) & 1n) === 1n ? Number((event >> 12n) & 0xfffffn) : null,
      iova: hasAddress ? (address as Iova) : null,
      access: hasAddress ? (bit(35n) ? "read" : "write") : "unknown",
      reason: `${EVENT_NAMES[this.#id] ?? "event"} (0x${this.#id.toString(16).padStart(2, "0")})`,
    };
  }
}

function isSame([, name, , sid]: RegExpExecArray, raw: FaultDetail): boolean {
  return (name === "UNKNOWN" || raw.reason.startsWith(`${name} `)) && raw.device === `sid ${sid}`;
}

function detailInWords(match: RegExpExecArray, raw: FaultDetail | null): FaultDetail {
  const [, name, client, sid, ssid, iova] = match;
  const pasid = Number.parseInt(ssid as string, 16);
  return {
    format: "smmu-v3",
    device: client === "(unassigned sid)" ? `sid ${sid}` : (client as string),
    pasid: pasid === 0 ? (raw?.pasid ?? null) : pasid,
    iova: iova === undefined ? (raw?.iova ?? null) : hexAddress(iova),
    access: raw?.access ?? "unknown",
    reason: raw?.reason ?? (name as string),
  };
}
