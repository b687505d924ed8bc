/**
 * Recorded kernel calls as JSON lines: one `{"meta":...}`, then `{"i","op","in","errno","out"}`.
 *
 * What a call did is what its record says it did; nothing is computed that the record does not
 * decide. A file has one process and one context (a VFIO file one for each container).
 */
import type { Decoder, FactSink } from "../decoder.ts";
import type { Dialect } from "./dialect.ts";
import { IommufdDialect } from "./iommufd.ts";
import { MalformedRecord, type Meta, parseVectorLine, type VectorRecord } from "./record.ts";
import { SpaprDialect } from "./spapr.ts";
import { Type1Dialect } from "./type1.ts";

export function vectorsDecoder(): Decoder {
  let dialect: Dialect | null = null;
  let runs = 0;

  const take = (record: VectorRecord, number: number, sink: FactSink): void => {
    dialect ??= dialectOfRecord(record);
    const prefix = runs < 2 ? "" : `run=${runs}`;
    const isKnown = dialect.take(record, (key, profile, event, errno = null) => {
      const context = prefix === "" || key === "" ? prefix + key : `${prefix} ${key}`;
      sink.fact({ context, profile, event, errno, stamp: null, actor: null, line: number });
    });
    if (!isKnown) sink.problem(number, `unknown operation "${record.op}"`);
  };

  return {
    format: "vectors",
    line({ text, number }, sink) {
      if (text.trim() === "") return;
      try {
        const parsed = parseVectorLine(text);
        if ("meta" in parsed) {
          dialect = dialectOfMeta(parsed.meta);
          runs++;
        } else take(parsed, number, sink);
      } catch (error) {
        if (!(error instanceof MalformedRecord)) throw error;
        sink.problem(number, error.message);
      }
    },
    end() {
      // Every record is complete in itself.
    },
  };
}

export function looksLikeVector(line: string): boolean {
  return line.startsWith('{"meta":{') || /^\{"i":\d+,"op":"\w+","in":\{/.test(line);
}

function dialectOfMeta(meta: Meta): Dialect {
  if ("phb" in meta || "mmu" in meta) return new SpaprDialect(meta);
  return "dma_entry_limit" in meta || "iommu" in meta ? new Type1Dialect(meta) : new IommufdDialect(meta);
}

/** Of a file that lost its first line. */
function dialectOfRecord({ op, input, output }: VectorRecord): Dialect {
  const has = (name: string): boolean => input.has(name) || output.has(name);
  if (has("container") || has("phb")) return new SpaprDialect({});
  return has("cont") || (has("group") && op !== "ioas_alloc") ? new Type1Dialect({}) : new IommufdDialect({});
}
