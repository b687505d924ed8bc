/** A space of 65,535 mappings (VFIO's cap) against 100 hosts. */
import { ContextState, demandOfState, type HostProfile, type Iova, precheck } from "@ioasis/core";
import type { Bench } from "./measure.ts";

const MAPPINGS = 65_535;
const HOSTS = 100;
const PAGE_BYTES = 0x1000n;

export function precheckBench(): Bench {
  const state = new ContextState();
  const space = state.space(0);
  for (let i = 0; i < MAPPINGS; i++) {
    const iova = BigInt(i) * 2n * PAGE_BYTES;
    space.areas.insert(iova, iova + PAGE_BYTES - 1n, 1, iova, -1, null, i);
  }
  const hosts = Array.from({ length: HOSTS }, (_, i) => hostOf(i));
  return {
    name: `precheck of ${MAPPINGS} mappings against ${HOSTS} hosts`,
    unit: "ms",
    target: [{ of: "value", atMost: 1_000 }],
    subject: {
      run: () => {
        const from = performance.now();
        precheck(demandOfState(state, state.liveSpaces), hosts);
        return performance.now() - from;
      },
    },
    peer: null,
  };
}

/** Four devices; every third host is too narrow for half of the mappings. */
function hostOf(index: number): HostProfile {
  const last = (1n << (index % 3 === 0 ? 28n : 48n)) - 1n;
  return {
    host: `host${index}`,
    devices: Array.from({ length: 4 }, (_, device) => ({
      bdf: `0000:0${device}:00.0`,
      group: device,
      reserved: [{ first: 0xfee0_0000n as Iova, last: 0xfeef_ffffn as Iova, type: "msi" as const }],
      aperture: { first: 0n as Iova, last: last as Iova },
      pageSizes: 0x1000n,
      pasidBits: 0,
      dirtyTracking: false,
    })),
    limits: { memlockBytes: "unlimited", mappingsMax: 65_535 },
    unknown: [],
  };
}
