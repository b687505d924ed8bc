/** What a QEMU command line says of the vCPU. */
import type { QemuOptions } from "./qemu-options.ts";

/** x86_cpu_def (target/i386/cpu.c): models with vendor AuthenticAMD; `max` under TCG is one too. */
const AMD_MODELS = /^(epyc|opteron|athlon|phenom|qemu64$|max$)/i;

/**
 * IS_AMD_CPU. Under KVM the vendor is the host's whatever the model, unless it is given; undefined: not told.
 */
export function cpuVendorOf({ cpu, usesKvm, architecture }: QemuOptions): "amd" | "intel" | undefined {
  const vendor = cpu?.get("vendor");
  if (vendor !== undefined) return vendor === "AuthenticAMD" ? "amd" : vendor === "GenuineIntel" ? "intel" : undefined;
  if (usesKvm || architecture === null) return undefined;
  const model = cpu?.get("model") ?? "qemu64";
  if (model === "host" || model === "base") return undefined;
  return AMD_MODELS.test(model) ? "amd" : "intel";
}

/** `phys-bits=N`; 0 asks for the default. */
export function physicalBitsOf({ cpu }: QemuOptions): number | undefined {
  const bits = Number(cpu?.get("phys-bits") ?? 0);
  return bits === 0 ? undefined : bits;
}
