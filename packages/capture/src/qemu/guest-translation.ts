/** What a virtual IOMMU last told of a mapping: it lends the listener's next line its guest address. */
import { type Prot, type Source, UNKNOWN_SOURCE } from "@ioasis/core";

export class GuestTranslation {
  #iova = -1n;
  #gpa = 0n;
  #prot: Prot = "unknown";

  set(iova: bigint, gpa: bigint, prot: Prot): void {
    this.#iova = iova;
    this.#gpa = gpa;
    this.#prot = prot;
  }

  /** For a mapping that starts at `iova`; unknown where the newest translation is another one. */
  of(iova: bigint): { source: Source; prot: Prot } {
    if (iova !== this.#iova) return { source: UNKNOWN_SOURCE, prot: "unknown" };
    return { source: { kind: "gpa", gpa: this.#gpa }, prot: this.#prot };
  }
}
