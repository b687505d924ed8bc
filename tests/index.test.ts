/** The history index on one recording of each kind; index.soak.ts asks more, of all of them. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compareRecording } from "./indexed-recordings.ts";

const QUESTIONS = 40;
const test = suite("index");

for (const name of [
  "kernel/ftrace-ath12k-use-after-unmap.txt",
  "kernel/dma-e1000e-ring-overrun.trace.txt.gz",
  "qemu/qemu-q35-edu-64m-legacy.log",
  "qemu/qemu-virtio-iommu-e1000e.log.gz",
  "qemu/spapr-default.log.gz",
  "bpftrace/oracle1-iommu-rec.jsonl.gz",
  "vectors/rand-230-v2.jsonl.gz",
  "dpdk/spdk-dpdk-silent-unmap-1705.txt",
  "vfio-user/spdk-vfio-user-overlap-463.txt",
  "dmesg/dmesg-dmar-v4-oneline.txt",
])
  test(name, async () => {
    assert.ok((await compareRecording(name, QUESTIONS)) >= QUESTIONS);
  });

test.run();
