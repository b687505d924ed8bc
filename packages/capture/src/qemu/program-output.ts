/** What stands in a QEMU log beside trace events: messages, and what libvirt or a shell put above them. */
import type { Actor } from "@ioasis/core";

/** `qemu-system-x86_64:`, `kvm:`, `kvm_set_phys_mem:`, `vfio:`, `0000:00:06.0:` */
const MESSAGE =
  /^(?:qemu|QEMU|kvm|vfio|virtio|vhost|vtd|warning|error|info|[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])[^ ]*:$/;
const PROGRAM = /qemu|kvm/i;
const COMMAND = /^\s*(?:\S*\/)?(?:qemu-(?:system-|kvm)\S*|kvm)(?= -| \\|$)/;
/** Around a command line in /var/log/libvirt/qemu/NAME.log. */
const LIBVIRT =
  /: starting up libvirt version: |: shutting down, reason=|^[A-Z_]+=\S* \\$|^char device redirected to |^Domain id=\d+ is tainted/;

/** Whether a line that begins with the word `name` is a message of QEMU. */
export function isMessage(name: string, actor: Actor | null): boolean {
  return MESSAGE.test(name) || (actor?.comm !== null && actor?.comm !== undefined && PROGRAM.test(actor.comm));
}

export function isCommandLine(text: string): boolean {
  return COMMAND.test(text) || LIBVIRT.test(text);
}
