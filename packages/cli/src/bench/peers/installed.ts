/** Peers are libraries of the bench alone: where one cannot be loaded its lines say so, and have no figure for it. */
import type { Missing } from "../measure.ts";

/** What `load` imports, or why it is not here. */
export async function installed<Library>(name: string, load: () => Promise<Library>): Promise<Library | Missing> {
  try {
    return await load();
  } catch (error) {
    const isAbsent = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
    const [reason] = (error instanceof Error ? error.message : String(error)).split("\n");
    return { missing: `the peer ${name} ${isAbsent ? "is not installed" : `cannot be loaded: ${reason}`}` };
  }
}

export function isMissing(peer: object): peer is Missing {
  return "missing" in peer;
}
