/** Events in few words, for tests. */
import type { ByteLength, Iova } from "../../address.ts";
import type { Source } from "../../source.ts";
import type { Step } from "./judged.ts";

type Rest = Omit<Step, "event">;

export const allocated = (ioas: number, rest: Rest = {}): Step => ({
  ...rest,
  event: { type: "IoasAllocated", ioas, kernelId: null },
});

export const found = (ioas: number): Step => ({ event: { type: "IoasFound", ioas, kernelId: 7 } });

export const mapped = (ioas: number, first: number, bytes: number, source: Source, rest: Rest = {}): Step => ({
  ...rest,
  event: {
    type: "IovaMapped",
    ioas,
    iova: BigInt(first) as Iova,
    last: BigInt(first + bytes - 1) as Iova,
    prot: "rw",
    source,
  },
});

export const unmapped = (ioas: number, first: number, bytes: number, rest: Rest = {}): Step => ({
  ...rest,
  event: {
    type: "IovaUnmapped",
    ioas,
    iova: BigInt(first) as Iova,
    last: BigInt(first + bytes - 1) as Iova,
    bytes: BigInt(bytes) as ByteLength,
  },
});

export const attached = (device: string, ioas: number | null, pasid: number | null = null, rest: Rest = {}): Step => ({
  ...rest,
  event: { type: "DeviceAttached", device, pasid, ioas, hwpt: null },
});

export const detached = (device: string, pasid: number | null = null, rest: Rest = {}): Step => ({
  ...rest,
  event: { type: "DeviceDetached", device, pasid },
});

export const reserved = (ioas: number, first: number, last: number, owner = "user"): Step => ({
  event: { type: "IovaReserved", ioas, owner, iova: BigInt(first) as Iova, last: BigInt(last) as Iova },
});

export const unreserved = (ioas: number, owner = "user"): Step => ({ event: { type: "IovaUnreserved", ioas, owner } });

export const lost = (): Step => ({ event: { type: "EventsLost", count: 3, what: "overrun" } });

export const refused = (rest: Rest = {}): Step => ({
  ...rest,
  event: { type: "CallRefused", call: "IOAS_MAP", detail: "" },
});
