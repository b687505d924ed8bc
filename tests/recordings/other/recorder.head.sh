#!/bin/sh
# ftrace-only recorder (no BPF): VFIO type1 map/unmap ioctls + the iommu:map/unmap lines they cause, one file, one clock.
#   ioasis-kprobe.sh start [buffer_kb] [clock] ; ... ; ioasis-kprobe.sh stop > rec.trace.txt
# vfio_dma_do_map/vfio_dma_do_unmap are inlined in most distribution kernels (Debian 6.12: yes): then vfio_iommu_type1_ioctl is probed
# and the ioctl structs are read from user memory (+uN($arg3)).  Return probes use $argN, which needs Linux >= 6.9.
T=${TRACEFS:-/sys/kernel/tracing}; K=$T/kprobe_events
add() { echo "$1" >> $K 2>/dev/null || { echo "kprobe refused: $1" >&2; return 1; }; }
has() { grep -q " $1\( \|	\|\$\)" /proc/kallsyms; }
mark() { if command -v syncmark >/dev/null; then syncmark $T/trace_marker /dev/kmsg >/dev/null; else echo "ioasis_sync realtime=$(date +%s.%N) boot=$(cut -d' ' -f1 /proc/uptime)" | tee $T/trace_marker > /dev/kmsg; fi; }
case "$1" in
start)
 echo 0 > $T/tracing_on; echo > $T/trace; echo ${2:-32768} > $T/buffer_size_kb; echo ${3:-mono} > $T/trace_clock
