/** Mappings as answers show them; see the rules of the command line on `prot` and `source`. */
import { type Area, hex, lengthOf, type Prot, type Run, type Source } from "@ioasis/core";

/** `[iova, paddr, length]`. */
export type RunJson = readonly [string, string, string];

export interface SourceJson {
  readonly kind: Source["kind"];
  readonly va?: string;
  readonly fd?: number;
  readonly start?: string;
  readonly gpa?: string;
  readonly paddr?: string;
  readonly writable?: boolean;
  readonly runs?: readonly RunJson[];
}

export interface AreaJson {
  /** `ioas0` */
  readonly ioas: string;
  readonly iova: string;
  readonly last: string;
  readonly prot: Prot;
  readonly source: SourceJson;
  /** The version that mapped it. */
  readonly version: number;
}

export function ioasName(handle: number): string {
  return `ioas${handle}`;
}

export function areaToJson(area: Area, ioas: number): AreaJson {
  return {
    ioas: ioasName(ioas),
    iova: hex(area.iova),
    last: hex(area.last),
    prot: area.prot,
    source: sourceToJson(area.source, area.iova, area.last),
    version: area.version,
  };
}

/** A source whose first byte is mapped at `iova`; one physical run is told as a list of one. */
export function sourceToJson(source: Source, iova: bigint, last: bigint): SourceJson {
  const runs =
    source.runs ?? (source.kind === "paddr" ? [{ iova, paddr: source.paddr, length: lengthOf(iova, last) }] : null);
  const tail = runs === null ? {} : { runs: runs.map(runToJson) };
  switch (source.kind) {
    case "unknown":
      return { kind: "unknown", ...tail };
    case "va":
      return { kind: "va", va: hex(source.va), ...tail };
    case "file":
    case "dmabuf":
      return { kind: source.kind, fd: source.fd, start: hex(source.start), ...tail };
    case "gpa":
      return { kind: "gpa", gpa: hex(source.gpa), ...tail };
    case "paddr":
      return { kind: "paddr", paddr: hex(source.paddr), ...tail };
    case "copy":
      return { kind: "copy", va: hex(source.va), writable: source.writable, ...tail };
  }
}

function runToJson({ iova, paddr, length }: Pick<Run, "paddr" | "length"> & { readonly iova: bigint }): RunJson {
  return [hex(iova), hex(paddr), hex(length)];
}
