/** IOMMU_VFIO_IOAS (vfio_compat.c: iommufd_vfio_ioas): the ioas behind the emulated container. From source, not refereed. */
import type { UseVfioIoas } from "../device-commands.ts";
import type { IoasHandle } from "../events.ts";
import type { ContextState } from "../state.ts";
import { ioasOf, NO_IOAS } from "./objects.ts";
import { accepted, callRefused, firstFailing, guard, type Outcome, type Refusal } from "./outcome.ts";

const GET = 0;
const SET = 1;
const CLEAR = 2;

const REQUEST = guard<UseVfioIoas>(
  "EOPNOTSUPP",
  "iommufd_vfio_ioas: reserved field",
  ({ reserved }) => (reserved ?? 0) !== 0,
);
const NONE: Refusal = { errno: "ENODEV", rule: "get_compat_ioas: no ioas is set" };
const NO_OPERATION: Refusal = { errno: "EOPNOTSUPP", rule: "iommufd_vfio_ioas: neither get, set nor clear" };

/** `ioas`: the one that is set afterwards; a destroyed one is none. */
export function useVfioIoas(
  state: ContextState,
  command: UseVfioIoas,
): Outcome<{ readonly ioas: IoasHandle | null; readonly ioasId: number | null }> {
  const refuse = (refusal: Refusal) => callRefused("IOMMU_VFIO_IOAS", refusal);
  const asked = firstFailing([REQUEST], command);
  if (asked !== null) return refuse(asked);
  switch (command.operation) {
    case GET: {
      const space = state.vfioIoas === null ? undefined : state.spaces[state.vfioIoas];
      if (!space?.isAlive) return refuse(NONE);
      return accepted({ ioas: space.handle, ioasId: space.kernelId }, []);
    }
    case SET: {
      const space = ioasOf(state, command.ioasId);
      if (space === null) return refuse(NO_IOAS);
      return accepted({ ioas: space.handle, ioasId: null }, [{ type: "VfioIoasSet", ioas: space.handle }]);
    }
    case CLEAR:
      return accepted({ ioas: null, ioasId: null }, [{ type: "VfioIoasSet", ioas: null }]);
    default:
      return refuse(NO_OPERATION);
  }
}
