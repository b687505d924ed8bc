import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PAST_TABLE_END, PAST_WINDOW_END, PAST_WINDOW_END_OOPS, UNDEFINED_SHIFT } from "./kernel-bugs.ts";
import type { SpaprOutcome } from "./outcome.ts";
import { BUFFER, type HostOptions, TestHost } from "./testing/host.ts";
import { translate } from "./translate.ts";

const test = suite("spapr");
const DDW = 1n << 59n;
const K4 = 0x1000n;
const K64 = 0x1_0000n;

/** "EINVAL", 1 (a positive return), or "ok". */
function told({ errno, returned }: SpaprOutcome<unknown>): string | number {
  return errno ?? (returned === 0 ? "ok" : returned);
}

/** Each row: the kernel's function and rule, the host, what happens before, the call, what it comes to. */
type Row = readonly [
  rule: string,
  options: HostOptions,
  before: (host: TestHost) => unknown,
  call: (host: TestHost) => SpaprOutcome<unknown>,
  expected: string | number,
];

const none = () => {};
const registered = (host: TestHost) => host.register(0n, 0x10_0000n);
const withDdw = (host: TestHost) => [registered(host), host.create(16, 0x10_0000n)];

const V2: readonly Row[] = [
  ["tce_iommu_ioctl: enabled by the first REGISTER", {}, none, (h) => h.map(0n, 0n, K4), "EPERM"],
  ["tce_iommu_ioctl: not by CREATE", {}, (h) => h.create(16, K64), (h) => h.unmap(0n, K4), "EPERM"],
  ["tce_iommu_create_default_window: by the first MAP", {}, registered, (h) => h.map(0n, 0n, K4), "ok"],
  ["tce_iommu_find_table: outside of every window", {}, registered, (h) => h.map(0x400_0000n, 0n, K4), "ENXIO"],
  ["tce_iommu_ioctl: vaddr off the window's page", {}, withDdw, (h) => h.map(DDW, K4, K64), "EINVAL"],
  ["tce_iommu_ioctl: neither READ nor WRITE", {}, registered, (h) => h.map(0n, 0n, K4, 0), "EINVAL"],
  ["iommu_tce_put_param_check: a truth value", {}, registered, (h) => h.map(0x10n, 0n, K4), 1],
  ["iommu_tce_clear_param_check: a truth value", {}, registered, (h) => h.unmap(0x10n, K4), 1],
  ["tce_iommu_build_v2: no page, no check", {}, registered, (h) => h.map(0n, 0x80_0000n, 0n), "ok"],
  ["mm_iommu_lookup: not registered", {}, registered, (h) => h.map(0n, 0x10_0000n, K4), "EINVAL"],
  ["mm_iommu_lookup: beside it", {}, registered, (h) => h.map(0n, 0xf_f000n, 2n * K4), "EINVAL"],
  ["mm_iommu_ua_to_hpa: 64K pages of 4K memory", { pageBytes: 4096 }, withDdw, (h) => h.map(DDW, 0n, K64), "EINVAL"],
  ["tce_iommu_clear: nothing there", {}, registered, (h) => h.unmap(K64, K4), "ok"],
  ["iommu_tce_check_ioba of 6.12: the first page", {}, registered, (h) => h.unmap(0x3ff_f000n, K64), "ok"],
  ["iommu_tce_check_ioba of 7.3: the last too", { release: "7.3" }, registered, (h) => h.unmap(0x3ff_f000n, K64), 1],
  ["tce_iommu_find_free_table: before its arguments", {}, withDdw, (h) => h.create(13, 3n, 9), "ENOSPC"],
  ["tce_iommu_create_window: no such pages", {}, none, (h) => h.create(30, 1n << 30n), "EINVAL"],
  ["tce_iommu_create_table: no size", {}, none, (h) => h.create(16, 0n), "EINVAL"],
  ["spapr_tce_create_table: no power of two", {}, none, (h) => h.create(16, 0x11_0000n), "EINVAL"],
  ["spapr_tce_create_table: levels", {}, none, (h) => h.create(16, K64, 2), "EINVAL"],
  ["spapr_tce_create_table: smaller than a page", {}, none, (h) => h.create(16, 0x8000n), "EINVAL"],
  ["query_ddw: 2^38 TCEs", {}, none, (h) => h.create(12, 1n << 50n), "EINVAL"],
  ["create_ddw: 2^36 TCEs", {}, none, (h) => h.create(24, 1n << 60n), "ENODEV"],
  ["failed_ddw_pdn_list", {}, (h) => h.create(24, 1n << 60n), (h) => h.create(16, K64), "ENODEV"],
  [
    "spapr_tce_create_table: slot 0 beside a DDW",
    {},
    (h) => [withDdw(h), h.remove(0n)],
    (h) => h.create(12, K4),
    "EPERM",
  ],
  ["no ibm,ddw-applicable", { phb: 4 }, registered, (h) => h.map(0n, 0n, K4), "EINVAL"],
  [
    "no ibm,ddw-applicable, again",
    { phb: 4 },
    (h) => [registered(h), h.map(0n, 0n, K4)],
    (h) => h.map(0n, 0n, K4),
    "ENODEV",
  ],
  ["create_ddw: 4K pages that only the kernel adds", { phb: 10 }, none, (h) => h.create(12, K64), "ENODEV"],
  ["tce_iommu_remove_window: any address inside", {}, withDdw, (h) => h.remove(DDW + 0x1234n), "ok"],
  ["def_window_pending: named 0 only", {}, none, (h) => h.remove(K4), "EINVAL"],
  ["def_window_pending: cancelled", {}, (h) => [registered(h), h.remove(0n)], (h) => h.map(0n, 0n, K4), "ENXIO"],
  ["tce_iommu_register_pages: whole pages", {}, none, (h) => h.register(K4, K64), "EINVAL"],
  ["mm_iommu_do_alloc: size 0", {}, none, (h) => h.register(0n, 0n), "ENOMEM"],
  ["tce_iommu_register_pages: mine", {}, registered, registered, "EBUSY"],
  ["mm_iommu_do_alloc: overlap", {}, registered, (h) => h.register(0n, K64), "EINVAL"],
  ["mm_iommu_do_alloc: the first page", {}, none, (h) => h.register(0x400_0000n, K64), "EFAULT"],
  ["mm_iommu_do_alloc: a later page", {}, none, (h) => h.register(0x3fe_0000n, 4n * K64), 2],
  ["tce_iommu_ioctl: no mm", {}, none, (h) => h.unregister(0n, K64), "EPERM"],
  ["mm_iommu_get: exactly", {}, registered, (h) => h.unregister(0n, K64), "ENOENT"],
  ["tce_iommu_ioctl: ENABLE is v1's", {}, none, (h) => h.call({ command: "Enable", container: 0 }), "ENOTTY"],
  ["vfio_spapr_iommu_eeh_ioctl", {}, none, (h) => h.call({ command: "UseEeh", container: 0 }), "ENODEV"],
  [
    "vfio_ioctl_set_iommu: twice",
    {},
    none,
    (h) => h.call({ command: "SetIommu", container: 0, iommuType: 7 }),
    "EINVAL",
  ],
];

const V1: readonly Row[] = [
  ["tce_iommu_ioctl: until ENABLE", { version: 1 }, none, (h) => h.map(0n, 0n, K4), "EPERM"],
  ["tce_iommu_enable: twice", { version: 1 }, enabled, (h) => h.call({ command: "Enable", container: 0 }), "EBUSY"],
  ["tce_iommu_use_page: always for writing", { version: 1 }, enabled, (h) => h.map(0n, 0x400_0000n, K4, 1), "EFAULT"],
  ["tce_exchange_pseries: H_PARAMETER", { version: 1 }, enabled, (h) => h.map(0x3ff_f000n, 0n, 2n * K4), "EINTR"],
  ["tce_iommu_ioctl: REGISTER is v2's", { version: 1 }, none, registered, "ENOTTY"],
  ["tce_iommu_ioctl: CREATE is v2's", { version: 1 }, none, (h) => h.create(16, K64), "ENOTTY"],
];

const POWERNV: readonly Row[] = [
  ["pnv_pci_ioda2_get_table_size: levels 0", { machine: "powernv" }, none, (h) => h.create(16, K64, 0), "EINVAL"],
  ["pnv_pci_ioda2_get_table_size: levels 6", { machine: "powernv" }, none, (h) => h.create(16, K64, 6), "EINVAL"],
  [
    "pnv_pci_ioda2_table_alloc_pages: 55 bits",
    { machine: "powernv" },
    none,
    (h) => h.create(16, 1n << 36n, 3),
    "EINVAL",
  ],
  [
    "pnv_pci_ioda2_table_alloc_pages: two levels",
    { machine: "powernv" },
    none,
    (h) => h.create(16, 1n << 36n, 2),
    "ok",
  ],
  [
    "pnv_pci_ioda2_table_do_alloc_pages: 32 MiB",
    { machine: "powernv" },
    none,
    (h) => h.create(12, 1n << 34n),
    "ENOMEM",
  ],
  ["pnv_pci_ioda2_create_table: smaller than a page", { machine: "powernv" }, none, (h) => h.create(16, 0x8000n), "ok"],
  [
    "pnv_pci_ioda2_create_table: at least 8192 entries",
    { machine: "powernv" },
    withDdw,
    (h) => h.map(DDW + 0x10_0000n, 0n, K64),
    "ok",
  ],
  [
    "vfio_spapr_iommu_eeh_ioctl",
    { machine: "powernv" },
    none,
    (h) => h.call({ command: "UseEeh", container: 0 }),
    "ok",
  ],
];

function enabled(host: TestHost): void {
  host.call({ command: "Enable", container: 0 });
}

for (const [profile, rows] of [
  ["spapr-tce-v2", V2],
  ["spapr-tce", V1],
  ["spapr-tce-v2 on powernv", POWERNV],
] as const) {
  for (const [rule, options, before, call, expected] of rows) {
    test(`${profile}: ${rule}`, () => {
      const host = new TestHost(options);
      before(host);
      assert.is(told(call(host)), expected);
    });
  }
}

const reaches = (host: TestHost, iova: bigint) => {
  if (host.state.devices.length === 0) host.call({ command: "OpenDevice", group: 0 });
  const found = translate(host.state, 0, iova);
  return found === null ? null : found.va - BUFFER;
};

test("a failing map clears what it had reached, and keeps what lay behind the page that failed", () => {
  const host = new TestHost();
  host.register(0n, K64);
  host.map(0n, 0n, 4n * K4);
  assert.is(told(host.map(0n, K64 - 2n * K4, 4n * K4)), "EINVAL");
  assert.equal(
    [0n, K4, 2n * K4].map((iova) => reaches(host, iova)),
    [null, null, 2n * K4],
  );
});

test("a map replaces, an unmap cuts, a window is a filter of absolute addresses", () => {
  const host = new TestHost({ phb: 3 });
  const start = 0x2000_0000n;
  host.register(0n, 0x10_0000n);
  host.map(start, 0n, 4n * K4);
  host.map(start + K4, K64, K4);
  host.unmap(start + 2n * K4, K4);
  assert.equal(
    [0n, 0x1abcn, 2n * K4, 3n * K4].map((offset) => reaches(host, start + offset)),
    [0n, K64 + 0xabcn, null, 3n * K4],
  );
  assert.is(reaches(host, 0n), null);
});

test("unregistering a mapped region succeeds and leaves it in the process for good", () => {
  const host = new TestHost();
  host.register(0n, K64);
  host.map(0n, 0n, K4);
  assert.is(told(host.unregister(0n, K64)), "ok");
  host.unmap(0n, K4);
  assert.is(told(host.unregister(0n, K64)), "ENOENT");
  assert.is(told(host.map(0n, 0n, K4)), "ok");
  assert.is(host.state.regions.size, 1);
  assert.is(host.state.lockedPages, 1n + 2n, "the region and the default window's table");
});

test("a refused creation keeps its charge; a removed window gives its own back", () => {
  const host = new TestHost();
  host.create(16, 1n << 36n, 2);
  assert.is(host.state.lockedPages, 2n + 65535n);
  const removed = new TestHost();
  removed.create(16, 1n << 36n);
  assert.is(removed.state.lockedPages, 2n + 128n);
  removed.remove(DDW);
  assert.is(removed.state.lockedPages, 2n);
});

test("the limit counts regions and tables, but not for who may lock memory", () => {
  const host = new TestHost();
  host.environment = { ...host.environment, memlockBytes: 0x2_0000n, canLockMemory: false };
  assert.is(told(host.register(0n, 3n * K64)), "ENOMEM");
  assert.is(told(host.register(0n, K64)), "ok");
  assert.is(told(host.map(0n, 0n, K4)), "ENOMEM");
});

test("past a window's end: a leak, an oops, corruption, each by its name", () => {
  const leak = new TestHost();
  withDdw(leak);
  const leaking = leak.map(DDW + 0xf_0000n, 0n, 2n * K64);
  assert.equal([told(leaking), leaking.bug], ["EINTR", PAST_WINDOW_END]);
  leak.unregister(0n, 0x10_0000n);
  assert.is(leak.state.regions.size, 1, "its use count never falls");

  const oops = new TestHost();
  registered(oops);
  assert.is(oops.map(0x3ff_f000n, 0n, 2n * K4).bug, PAST_WINDOW_END_OOPS);

  const corrupts = new TestHost({ machine: "powernv" });
  registered(corrupts);
  assert.is(corrupts.map(0x7fff_f000n, 0n, 2n * K4).bug, PAST_TABLE_END);
  assert.ok(corrupts.state.isCorrupted);
});

test("what lies past a smaller default window outlives it, until the firmware resets the PE", () => {
  const host = new TestHost();
  registered(host);
  host.remove(0n);
  host.create(12, K4);
  assert.is(host.map(0n, 0n, 2n * K4).bug, PAST_WINDOW_END);
  host.remove(0n);
  assert.equal([reaches(host, 0n), reaches(host, K4)], [null, K4]);
  host.create(12, K4);
  assert.is(reaches(host, K4), null);
});

test("a shift without a meaning is named, not told", () => {
  const host = new TestHost({ machine: "powernv" });
  assert.is(host.create(30, 0x10_0000n, 3).bug, UNDEFINED_SHIFT);
  assert.is(host.create(16, 0x8000n, 1).bug, null);
});

test("groups: one with windows of the firmware, several with tables in memory", () => {
  const join = (host: TestHost) => {
    host.call({ command: "OpenGroup", pe: 5 });
    return told(host.call({ command: "SetContainer", group: 1, container: 0 }));
  };
  const late = new TestHost();
  withDdw(late);
  assert.is(join(late), "EPERM");
  const early = new TestHost();
  assert.is(join(early), "ok");
  assert.is(told(early.create(16, K64)), "EPERM");
  assert.is(early.state.lockedPages, 0n);
  assert.is(join(new TestHost({ version: 1 })), "EBUSY");
  const shared = new TestHost({ machine: "powernv" });
  withDdw(shared);
  shared.map(DDW, 0n, K64);
  assert.is(join(shared), "ok");
  shared.call({ command: "UnsetContainer", group: 1 });
  assert.is(reaches(shared, DDW), null, "all TCEs went with the group that left");
});

test("another process is refused once the container belongs to one", () => {
  const host = new TestHost();
  registered(host);
  const call = {
    command: "MapDma",
    container: 0,
    isOtherProcess: true,
    iova: 0n,
    userVa: BUFFER,
    size: K4,
    flags: 3,
  } as const;
  assert.is(told(host.call(call)), "EPERM");
});

test.run();
