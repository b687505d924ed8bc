/** Deciding one map or unmap at 100,000 live mappings, folding its events included, by the model of a context. */
import { contextCreated, EventBatch, type Model, type ModelCommand, modelOf, type ProfileName } from "@ioasis/core";
import { type Bench, beside, type Missing } from "./measure.ts";
import { isMissing } from "./peers/installed.ts";
import { sortedTrees, type Tree } from "./peers/sorted-btree.ts";

const LIVE = 100_000;
const COMMANDS = 100_000;
const PAGE = 0x1000n;
const MICROSECONDS_PER_MS = 1_000;

const HOST = {
  host: "bench",
  devices: [
    {
      bdf: "0000:00:05.0",
      group: 1,
      reserved: [],
      aperture: ["0x0", "0xffffffffffff"],
      pageSizes: "0x1000",
      pasidBits: 0,
      dirtyTracking: false,
    },
  ],
  limits: { memlockBytes: "unlimited", mappingsMax: "unlimited" },
};

interface Subject {
  readonly profile: ProfileName;
  readonly kernel: string | null;
  readonly first: readonly Readonly<Record<string, unknown>>[];
  readonly map: (page: number) => ModelCommand;
  readonly unmap: (page: number) => ModelCommand;
}

const address = (page: number): bigint => BigInt(page) * PAGE;
const made = (command: ModelCommand & Readonly<Record<string, unknown>>): ModelCommand => command;

const SUBJECTS: readonly Subject[] = [
  {
    profile: "iommufd",
    kernel: "6.12",
    first: [
      { command: "AllocIoas" },
      { command: "BindVfioDevice", device: "0000:00:05.0" },
      { command: "AttachVfioDevice", device: "0000:00:05.0", ptId: 1 },
    ],
    map: (page) => made({ command: "MapIova", ioasId: 1, flags: 7, userVa: PAGE, length: PAGE, iova: address(page) }),
    unmap: (page) => made({ command: "UnmapIova", ioasId: 1, iova: address(page), length: PAGE }),
  },
  {
    profile: "vfio-type1v2",
    kernel: null,
    first: [
      { command: "OpenContainer" },
      { command: "OpenGroup", group: 1 },
      { command: "SetContainer", group: 0, file: "container0" },
      { command: "SetIommu", container: 0, iommuType: 3 },
    ],
    map: (page) => made({ command: "MapDma", container: 0, flags: 3, userVa: PAGE, iova: address(page), size: PAGE }),
    unmap: (page) =>
      made({ command: "UnmapDma", container: 0, flags: 0, iova: address(page), size: PAGE, bitmap: null }),
  },
];

export async function modelBenches(): Promise<Bench[]> {
  const trees = await sortedTrees();
  return SUBJECTS.flatMap((subject) => benchesOf(subject, trees));
}

/** A live page goes and a free one comes, again and again; the same pages for subject and peer. */
function churn(): { readonly live: number[]; readonly pairs: (readonly [gone: number, come: number])[] } {
  let seed = 42;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const live = Array.from({ length: LIVE }, (_, i) => 2 * i);
  const free = live.map((page) => page + 1);
  const pages = [...live];
  const pairs = Array.from({ length: COMMANDS / 2 }, () => {
    const [from, to] = [random(LIVE), random(LIVE)];
    const pair = [pages[from] as number, free[to] as number] as const;
    [pages[from], free[to]] = [pair[1], pair[0]];
    return pair;
  });
  return { live, pairs };
}

function benchesOf({ profile, kernel, first, map, unmap }: Subject, trees: (() => Tree) | Missing): Bench[] {
  const { live, pairs } = churn();
  const perCommand = (run: () => void): number => {
    const from = performance.now();
    run();
    return Number((((performance.now() - from) * MICROSECONDS_PER_MS) / COMMANDS).toFixed(2));
  };
  const bench = {
    name: `decide a map or unmap, ${profile}, ${LIVE} live`,
    unit: "µs",
    subject: {
      run: () => {
        const model = emptyModel(profile, kernel);
        for (const json of first) done(model, model.commandOf(json));
        for (const page of live) done(model, map(page));
        return perCommand(() => {
          for (const [gone, come] of pairs) {
            done(model, unmap(gone));
            done(model, map(come));
          }
        });
      },
    },
  };
  if (isMissing(trees)) return beside(bench, [trees]);
  return beside(bench, [
    {
      name: "sorted-btree with bigint keys, no rule but overlap",
      run: () => {
        const tree = trees();
        for (const page of live) tree.set(address(page), address(page) + PAGE - 1n);
        return perCommand(() => {
          for (const [gone, come] of pairs) {
            tree.delete(address(gone));
            const iova = address(come);
            if ((tree.getPairOrNextLower(iova)?.[1] ?? -1n) < iova) tree.set(iova, iova + PAGE - 1n);
          }
        });
      },
    },
  ]);
}

function emptyModel(profile: ProfileName, kernel: string | null): Model {
  const created = contextCreated({ profile, kernel, policy: null, layout: null, hosts: [HOST], machine: null });
  const model = modelOf(created);
  const batch = new EventBatch(1, 1, 1);
  batch.push(created, { stamp: null, actor: null, errno: null, line: 0 });
  model.fold(batch);
  return model;
}

function done(model: Model, command: ModelCommand): void {
  const { errno, rule } = model.execute(command);
  if (errno !== null) throw new Error(`${command.command}: ${errno} (${rule})`);
}
