/** A call between its entry record and its return record. */
import type { CallContext } from "./call-context.ts";
import type { MapLines, UnmapLines } from "./call-lines.ts";
import type { IommuRecord } from "./iommu-record.ts";
import type { IommufdMapRequest, IommufdUnmapRequest } from "./iommufd-result.ts";
import type { Origin } from "./origin.ts";
import type { Type1MapRequest, Type1Request } from "./type1-result.ts";

interface Opened {
  readonly context: CallContext;
  readonly origin: Origin;
}

/** `request` null: the recorder could not read the caller's memory. */
export type OpenCall =
  | (Opened & { readonly kind: "vmap"; readonly request: Type1MapRequest | null; readonly lines: MapLines })
  | (Opened & { readonly kind: "vunmap"; readonly request: Type1Request | null; readonly lines: UnmapLines })
  | (Opened & { readonly kind: "imap"; readonly request: IommufdMapRequest; readonly lines: MapLines })
  | (Opened & { readonly kind: "iunmap"; readonly request: IommufdUnmapRequest; readonly lines: UnmapLines })
  | (Opened & {
      readonly kind: "vattach";
      readonly group: string;
      readonly devices: Set<string>;
      /** It opens the driver (SET_IOMMU); false: a group joins. */
      readonly isFirst: boolean;
    })
  /** After the last group left, until the driver is released: its mappings are taken down. No return record. */
  | (Opened & { readonly kind: "teardown" });

/** Whether `record`, printed by the task that is inside `call`, belongs to the call. */
export function takes(call: OpenCall, record: IommuRecord): boolean {
  switch (call.kind) {
    case "vmap":
    case "imap":
      if (record.kind === "map") return call.lines.takeMap(record);
      return record.kind === "unmap" && call.lines.takeUnmap(record);
    case "vunmap":
    case "iunmap":
      return record.kind === "unmap" && call.lines.takeUnmap(record);
    case "vattach":
      // A new domain is tried with 8 KiB (vfio_test_domain_fgsp), then all mappings are replayed into it.
      if (record.kind === "attach") call.devices.add(record.device);
      return record.kind !== "fault";
    case "teardown":
      return record.kind === "unmap";
  }
}
