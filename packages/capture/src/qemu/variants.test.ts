/** Lines in the formats of each release that no shipped recording holds, and lines that are broken. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decode } from "../testing/decoded-recording.ts";
import { qemuDecoder } from "./decoder.ts";

const test = suite("QEMU log variants");

const run = (...lines: string[]) => decode(qemuDecoder(), lines);
const events = (...lines: string[]) => {
  const { facts, problems } = run(...lines);
  assert.equal(problems, []);
  return facts.map(({ event, errno }) => (errno === null ? event : { ...event, errno }));
};

test("the prefixes mix in one file", () => {
  const { facts, problems } = run(
    "vfio_listener_region_del region_del 0x0 - 0xfff",
    "77@1618242860.000004:vfio_listener_region_del region_del 0x1000 - 0x1fff",
    "2025-07-21T18:43:28.089797Z vfio_listener_region_del region_del 0x2000 - 0x2fff",
    "Jul  1 08:04:49 host qemu-system-x86_64[12]: vfio_listener_region_del region_del 0x3000 - 0x3fff",
    "2025-07-21T20:43:28.5+02:00 host QEMU[13]: vfio_listener_region_del region_del 0x4000 - 0x4fff",
    "  vfio_listener_region_del region_del 0x5000 - 0x5fff",
  );
  assert.equal(problems, []);
  const stamps = facts.map(({ stamp }) => (stamp === null ? null : `${stamp.ticks}e-${stamp.decimals}`));
  assert.equal(stamps, [null, "1618242860000004e-6", "1753123408089797e-6", null, "17531234085e-1", null]);
  assert.equal(
    facts.map(({ actor }) => actor?.tid ?? actor?.pid ?? null),
    [null, 77, null, 12, 13, null],
  );
});

test("iommufd from 9.0 on, and its end", () => {
  const lines = [
    "iommufd_backend_connect fd=7 owned=1 users=1 (0)",
    "iommufd_backend_alloc_ioas  iommufd=7 ioas=2 (0)",
    "iommufd_cdev_alloc_ioas  [iommufd=7] new IOMMUFD container with ioasid=2",
    "iommufd_cdev_attach_ioas_hwpt  [iommufd=7] Successfully attached device 0000:00:05.0 (9) to id=2",
    "iommufd_backend_set_dirty  iommufd=7 hwpt=3 enable=1 (0)",
    "iommufd_backend_get_dirty_bitmap  iommufd=7 hwpt=3 iova=0x0 size=0x1000 flags=0x0 page_size=0x1000 (0)",
    "iommufd_backend_map_dma  iommufd=7 ioas=2 iova=0x0 size=0x2000 addr=(nil) readonly=1 (0)",
    "iommufd_backend_unmap_dma  iommufd=7 ioas=2 iova=0x0 size=0xffffffffffffffff (0)",
    "iommufd_cdev_detach_ioas_hwpt  [iommufd=7] Successfully detached 0000:00:05.0",
    "iommufd_backend_free_id  iommufd=7 id=9 (-1)",
    "iommufd_backend_disconnect fd=-1 users=0",
  ];
  assert.equal(events(...lines), [
    { type: "IoasAllocated", ioas: 2, kernelId: 2 },
    { type: "DeviceAttached", device: "0000:00:05.0", pasid: null, ioas: 2, hwpt: null },
    { type: "DirtyTrackingStarted", hwpt: 3 },
    { type: "IovaMapped", ioas: 2, iova: 0n, last: 0x1fffn, prot: "r", source: { kind: "va", va: 0n } },
    { type: "IovaUnmapped", ioas: 2, iova: 0n, last: 0xfffffffffffffffen, bytes: 0x2000n },
    { type: "DeviceDetached", device: "0000:00:05.0", pasid: null },
    { type: "CallRefused", call: "IOMMU_DESTROY", detail: "id=9", errno: "UNKNOWN" },
    { type: "IoasDestroyed", ioas: 2 },
  ]);
});

test("a message refuses the call before it, the next call settles it", () => {
  const add = (page: string) =>
    `vfio_listener_region_add_ram region_add [ram] 0x${page}000 - 0x${page}fff [0x7f0000000000]`;
  const { facts } = run(
    add("1"),
    "qemu-system-x86_64: VFIO_MAP_DMA failed: Cannot allocate memory",
    "qemu-system-x86_64: vfio_container_dma_map(0x55, 0x1000, 0x1000, 0x7f0000000000) = -12 (Cannot allocate memory)",
    add("2"),
    "vfio_pci_read_config  (0000:00:06.0, @0x3d, len=0x1) 0x1",
    'vfio_listener_region_add_no_dma_map Region "BAR 3" 0x2000 size=0x10 is not aligned to 0x1000 and cannot be mapped for DMA',
    add("3"),
    "kvm: VFIO_MAP_DMA failed: Bad address",
    add("4"),
    "vfio_listener_region_del region_del 0x4000 - 0x4fff",
    "kvm: vfio_dma_unmap(0x55, 0x4000, 0x1000) = -22 (Invalid argument)",
  );
  const told = facts.map(({ event, errno, line }) => [line, event.type, errno]);
  assert.equal(told, [
    [3, "MapRefused", "ENOMEM"],
    [8, "MapRefused", "EFAULT"],
    [9, "IovaMapped", null],
    [11, "UnmapRefused", "EINVAL"],
  ]);
});

test("a call is not held for longer than a bounded number of lines", () => {
  const between = Array.from({ length: 80 }, () => "vfio_intx_enable  (0000:00:06.0)");
  const lines = ["vfio_listener_region_del region_del 0x0 - 0xfff", ...between];
  assert.equal(decode(qemuDecoder(), lines, false).facts.length, 1);
});

test("the listener's lines are no news where iommufd logs the calls", () => {
  const lines = [
    "vfio_listener_region_add_ram region_add [ram] 0x0 - 0xfff [0x7f0000000000]",
    "iommufd_backend_map_dma  iommufd=7 ioas=2 iova=0x0 size=0x1000 addr=0x7f0000000000 readonly=0 (0)",
    "vfio_iommu_map_notify iommu UNMAP @ 0x0 - 0xfff",
    "iommufd_backend_unmap_dma  iommufd=7 ioas=2 iova=0x0 size=0x1000 (0)",
  ];
  assert.equal(
    events(...lines).map(({ type }) => type),
    ["IovaMapped", "IovaUnmapped"],
  );
});

test("a virtual IOMMU in a legacy container lends its guest addresses", () => {
  const source = { kind: "gpa", gpa: 0x2e11000n } as const;
  const range = { iova: 0xfffff000n, last: 0xffffffffn } as const;
  const lines = [
    "vfio_listener_region_add_iommu region_add [iommu] 0x0 - 0xfedfffff",
    "vtd_page_walk_one domain 0x4 iova 0xfffff000 -> gpa 0x2e11000 mask 0xfff perm 2",
    "vfio_iommu_map_notify iommu MAP @ 0xfffff000 - 0xffffffff",
    "vfio_iommu_map_notify iommu UNMAP @ 0xffffe000 - 0xffffffff",
    "vfio_iommu_map_notify iommu UNMAP @ 0x0 - 0xffffffffffffffff",
  ];
  assert.equal(events(...lines), [
    { type: "IovaMapped", ioas: 4, ...range, prot: "w", source },
    { type: "IovaMapped", ioas: null, ...range, prot: "w", source },
    { type: "IovaUnmapped", ioas: null, iova: 0xffffe000n, last: 0xffffffffn, bytes: 0x1000n },
    { type: "IovaUnmapped", ioas: null, iova: 0n, last: 0xffffffffffffffffn, bytes: 0n },
  ]);
});

test("virtio-iommu: an unmap of several mappings or of none is one event", () => {
  const lines = [
    "virtio_iommu_unmap domain=1 virt_start=0x0 virt_end=0xffff",
    "virtio_iommu_notify_unmap mr=virtio-iommu-memory-region-1-8 virt_start=0x0 virt_end=0xfff",
    "virtio_iommu_unmap_done domain=1 virt_start=0x0 virt_end=0xfff",
    "virtio_iommu_unmap_done domain=1 virt_start=0x4000 virt_end=0x4fff",
    "virtio_iommu_unmap domain=1 virt_start=0x0 virt_end=0xffff",
    "virtio_iommu_report_fault FAULT reason=2 flags=258 endpoint=8 address =0x1000",
    "virtio_iommu_detach domain=1 endpoint=8",
    "virtio_iommu_detach_endpoint_from_domain domain=1 endpoint=8",
    "virtio_iommu_put_domain Free domain=1",
  ];
  const range = { ioas: 1, iova: 0n, last: 0xffffn } as const;
  const fault = { format: "qemu-virtio-iommu", device: "endpoint 8", pasid: null, iova: 0x1000n } as const;
  assert.equal(events(...lines), [
    { type: "IovaUnmapped", ...range, bytes: 0x2000n },
    { type: "IovaUnmapped", ...range, bytes: 0n },
    { type: "FaultReported", ...fault, access: "write", reason: "no mapping" },
    { type: "DeviceDetached", device: "endpoint 8", pasid: null },
    { type: "IoasDestroyed", ioas: 1 },
  ]);
});

test("vDPA in its three formats, vfio-user on both sides", () => {
  const va = { kind: "va", va: 0x7f0000000000n } as const;
  const range = { iova: 0x1000n, last: 0x1fffn } as const;
  const tail = "iova: 0x1000 size: 0x1000 uaddr: 0x7f0000000000 perm: 0x3 type: 2";
  const lines = [
    `vhost_vdpa_dma_map vdpa:0x55 fd: 3 msg_type: 1 ${tail}`,
    `vhost_vdpa_dma_map vdpa:0x55 fd: 3 msg_type: 2 asid: 1 ${tail}`,
    `vhost_vdpa_dma_map vdpa_shared:0x55 fd: 3 msg_type: 2 asid: 0 ${tail}`,
    "vhost_vdpa_dma_unmap vdpa_shared:0x55 fd: 3 msg_type: 2 asid: 0 iova: 0x1000 size: 0x1000 type: 3",
    "vfio_user_dma_map  iova 0x1000 size 0x1000 off 0x0 flags 0x1 async_ops 1",
    "vfu_dma_register vfu: registering GPA 0x1000, 4096 bytes",
    "vfu_dma_unregister vfu: unregistering GPA 0x1000",
  ];
  assert.equal(events(...lines), [
    { type: "IovaMapped", ioas: null, ...range, prot: "rw", source: va },
    { type: "IovaMapped", ioas: 1, ...range, prot: "rw", source: va },
    { type: "IovaMapped", ioas: 0, ...range, prot: "rw", source: va },
    { type: "IovaUnmapped", ioas: 0, ...range, bytes: 0x1000n },
    { type: "IovaMapped", ioas: null, ...range, prot: "r", source: { kind: "unknown" } },
    { type: "IovaMapped", ioas: null, ...range, prot: "unknown", source: { kind: "gpa", gpa: 0x1000n } },
    { type: "IovaUnmapped", ioas: null, ...range, bytes: 0x1000n },
  ]);
});

test("sPAPR: what the hypervisor and VFIO's container refuse", () => {
  const lines = [
    "spapr_iommu_pci_put liobn=0x80000000 ioba=0x1000 tce=0x5003 ret=-4",
    "spapr_iommu_pci_stuff liobn=0x80000000 ioba=0x3000 tcevalue=0x0 npages=8 ret=-4",
    "vfio_prereg_register va=0x7f0000000000 size=0x10000 ret=-12",
    "vfio_spapr_create_window pageshift=0x10 levels=1 winsize=0x100000 offset=0x800000000000000",
    "vfio_spapr_remove_window offset=0x800000000000000",
  ];
  const window = { ioas: null, iova: 0x800000000000000n, last: 0x8000000000fffffn } as const;
  const put = { iova: 0x1000n, length: 0x1000n, prot: "rw", source: { kind: "gpa", gpa: 0x5000n } } as const;
  const register = "va=0x7f0000000000 size=0x10000 ret=-12";
  assert.equal(events(...lines), [
    { type: "MapRefused", ioas: 0x80000000, ...put, errno: "EINVAL" },
    { type: "UnmapRefused", ioas: 0x80000000, iova: 0x3000n, length: 0x1000n, errno: "EINVAL" },
    { type: "CallRefused", call: "VFIO_IOMMU_SPAPR_REGISTER_MEMORY", detail: register, errno: "ENOMEM" },
    { type: "WindowCreated", ...window, pageSize: 0x10000n },
    { type: "WindowRemoved", ...window },
  ]);
});

test("what stands around trace events is recognised, what nobody writes is a problem", () => {
  const { facts, problems } = run(
    "2021-05-02 08:10:38.221+0000: starting up libvirt version: 7.0.0, qemu version: 6.0.0",
    "LC_ALL=C \\",
    "/usr/bin/qemu-system-x86_64 \\",
    "-name guest=vm,debug-threads=on \\",
    "-msg timestamp=on",
    "vfio_populate_device_config Device '0000:00:06.0' config:",
    "  size: 0x1000, offset: 0x70000000000, flags: 0x3",
    "",
    "hello world",
    "virtio_iommu_map domain=0 virt_start=0x1000 virt_end=0x1f",
    "virtio_iommu_map domain=0 virt_start=0x1000 virt_end=0x0fff phys_start=0x0 flags=3",
    "vfio_listener_region_add_ram region_add [ram] 0x0 - 0x",
    "iommufd_backend_map_dma  iommufd=7 ioas=2 iova=0xffffffffffffffff size=0x2 addr=0x0 readonly=0 (0)",
  );
  assert.equal(facts, []);
  assert.equal(
    problems.map((problem) => Number.parseInt(problem, 10)),
    [9, 10, 11, 12, 13],
  );
});

test.run();
