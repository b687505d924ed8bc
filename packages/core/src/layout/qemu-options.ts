/** The options of a QEMU command line that this program looks at; all others are passed over. */
import { IoasisError } from "../failure.ts";
import { OptionValue } from "./command-line.ts";

const ARGS_MAX = 10_000;
/** By option: what a leading word without `=` means. */
const WITH_VALUE: Readonly<Record<string, string>> = {
  machine: "type",
  M: "type",
  m: "size",
  cpu: "model",
  device: "driver",
  object: "qom-type",
  global: "driver",
  drive: "file",
  accel: "accel",
  vga: "type",
  bios: "file",
  pflash: "file",
};
/** What they hold cannot be seen here. */
const UNSEEN = ["readconfig", "loadvm", "config"];

export interface QemuOptions {
  /** Of `qemu-system-ARCHITECTURE`; null: the command line does not begin with it. */
  readonly architecture: string | null;
  /** All -machine together; the last word on each property wins. */
  readonly machine: OptionValue;
  readonly memory: OptionValue;
  readonly cpu: OptionValue | null;
  readonly drivers: readonly OptionValue[];
  readonly objects: readonly OptionValue[];
  readonly drives: readonly OptionValue[];
  /** `driver.property`, driver in lower case, to value. */
  readonly globals: ReadonlyMap<string, string>;
  readonly vga: string | null;
  readonly bios: string | null;
  readonly hasPflash: boolean;
  readonly hasDefaults: boolean;
  readonly usesKvm: boolean;
}

/** @throws IoasisError ERR_USAGE for a command line with options in files that are not here */
export function readOptions(args: readonly string[]): QemuOptions {
  if (args.length > ARGS_MAX)
    throw new IoasisError("ERR_USAGE", `a command line of ${args.length} words: at most ${ARGS_MAX} are read`);
  const values = new Map<string, string[]>();
  const flags = new Set<string>();
  for (let i = 0; i < args.length; i++) {
    const name = /^--?([A-Za-z][\w-]*)$/.exec(args[i] as string)?.[1];
    if (name === undefined) continue;
    if (UNSEEN.includes(name))
      throw new IoasisError("ERR_USAGE", `-${name}: its file holds options that are not here: write them out`);
    flags.add(name);
    if (WITH_VALUE[name] === undefined) continue;
    const value = args[++i];
    if (value === undefined)
      throw new IoasisError("ERR_USAGE", `-${name} at the end of the command line: its value is missing`);
    const key = name === "M" ? "machine" : name;
    values.set(key, [...(values.get(key) ?? []), value]);
  }
  return optionsOf(architectureOf(args), values, flags);
}

function optionsOf(
  architecture: string | null,
  values: ReadonlyMap<string, readonly string[]>,
  flags: ReadonlySet<string>,
): QemuOptions {
  const all = (name: string): OptionValue[] =>
    (values.get(name) ?? []).map((value) => new OptionValue([value], WITH_VALUE[name] as string));
  const machine = new OptionValue(values.get("machine") ?? [], "type");
  const accelerators = [machine.get("accel"), ...all("accel").map((one) => one.get("accel"))];
  return {
    architecture,
    machine,
    memory: new OptionValue(values.get("m") ?? [], "size"),
    cpu: all("cpu").at(-1) ?? null,
    drivers: all("device"),
    objects: all("object"),
    drives: all("drive"),
    globals: new Map((values.get("global") ?? []).map(globalOf)),
    vga: all("vga").at(-1)?.get("type") ?? null,
    bios: values.get("bios")?.at(-1) ?? machine.get("firmware") ?? null,
    hasPflash: values.has("pflash") || machine.get("pflash0") !== undefined,
    hasDefaults: !flags.has("nodefaults"),
    usesKvm: flags.has("enable-kvm") || accelerators.some((name) => name?.split(":").includes("kvm")),
  };
}

/** The program: the first word that is neither an assignment of the environment nor an option. */
function architectureOf(args: readonly string[]): string | null {
  const program = args.find((word) => !/^[A-Za-z_]\w*=/.test(word));
  return /(?:^|\/)qemu-system-(\w+)$/.exec(program ?? "")?.[1] ?? null;
}

/** `driver.property=value`, or the three by name. */
function globalOf(text: string): [string, string] {
  const short = /^([^.=,]+)\.([^=]+)=(.*)$/.exec(text);
  if (short !== null) return [`${short[1]?.toLowerCase()}.${short[2]}`, short[3] as string];
  const value = new OptionValue([text], "driver");
  return [`${value.get("driver")?.toLowerCase()}.${value.get("property")}`, value.get("value") ?? ""];
}
