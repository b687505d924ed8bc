/** iommufd in the engine and in the naive model, side by side. */
import type { Campaign, Pair } from "./campaign.ts";
import { EngineIommufd } from "./iommufd-engine.ts";
import { NaiveIommufd, type Step } from "./iommufd-model.ts";
import { FIRST_PAGE, MIDDLES, PAGES, proposeIommufd } from "./iommufd-steps.ts";

const LIMIT_PAGES = 9;

export const iommufd: Campaign<Step> = {
  name: "iommufd",
  begin(variant): Pair<Step> {
    const hasHoles = variant % 3 !== 0;
    const limit = hasHoles ? null : LIMIT_PAGES;
    const naive = new NaiveIommufd(FIRST_PAGE, PAGES, limit);
    const engine = new EngineIommufd(FIRST_PAGE, PAGES, limit);
    const play = (step: Step): string | null => {
      const [expected, got] = [naive.run(step), engine.run(step)];
      if (!isSame(expected, got))
        return `${step.command}: the naive model says ${expected.join(" ")}, the engine ${got.join(" ")}`;
      if (step.command !== "AllocIoas" || expected[0] !== null) return null;
      const ioasId = Number(expected[1]);
      for (const iova of MIDDLES) {
        const difference = play({ command: "ReserveIova", ioasId, iova, length: 16n });
        if (difference !== null) return difference;
      }
      return null;
    };
    return {
      propose: (random) => proposeIommufd(random, naive, hasHoles),
      play,
      compareAll: () => compare(naive, engine),
    };
  },
};

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

/** All that is mapped, reserved and allowed in all spaces, the objects and the pins. */
function compare(naive: NaiveIommufd, engine: EngineIommufd): string | null {
  for (const ioas of naive.all("ioas")) {
    const areas = naive.areasOf(ioas).map(({ first, last, canRead, canWrite, va, pages, isCopy }) => {
      const prot = `${canRead ? "r" : ""}${canWrite ? "w" : ""}`;
      return `${first}-${last} ${prot} ${va} ${isCopy ? pages.isWritable : canWrite}`;
    });
    const reserved = ioas.reserved.map(({ first, last }) => `${first}-${last}`).sort();
    const allowed = ioas.allowed.map(([first, last]) => `${first}-${last}`).sort();
    const difference =
      differs(`areas of ioas${ioas.number}`, areas.join(), engine.areasOf(ioas.number)) ??
      differs(`reserved ranges of ioas${ioas.number}`, reserved.join(), engine.reservedOf(ioas.number)) ??
      differs(`allowed ranges of ioas${ioas.number}`, allowed.join(), engine.allowedOf(ioas.number));
    if (difference !== null) return difference;
  }
  const pins = naive.all("access").flatMap(({ name, items }) => items.map(({ item }) => `${name}/${item}`));
  return (
    differs("objects", [...naive.ids.keys()].sort((a, b) => a - b).join(), engine.ids()) ??
    differs("pins", pins.sort().join(), [...engine.pins.keys()].sort().join())
  );
}

function differs(what: string, expected: string, got: string): string | null {
  return expected === got ? null : `${what}: the naive model has ${expected}, the engine ${got}`;
}
