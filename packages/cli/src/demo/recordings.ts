/** The recordings that ship with the project. */
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { IoasisError } from "@ioasis/core";
import type { World } from "../world.ts";

/** Path of a shipped recording: beside the installed bundle, or in the checkout. */
export function recording(world: World, name: string): string {
  const beside = fileURLToPath(new URL(`./demo/${name}`, import.meta.url));
  if (existsSync(beside)) return beside;
  const inCheckout = path.join(world.env["IOASIS_ROOT"] ?? ".", "demo", name);
  if (existsSync(inCheckout)) return inCheckout;
  throw new IoasisError("ERR_INPUT", `the demo's recording ${name} is missing: install ioasis again`, { file: name });
}
