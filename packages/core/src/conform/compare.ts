/** The model's answer beside the recorded one. */
import type { Errno } from "../errno.ts";
import type { Disagreement } from "./conform-file.ts";
import { isRecord, type Step } from "./recording.ts";

interface Told {
  readonly errno: Errno | null;
  readonly out: Readonly<Record<string, unknown>>;
}

/** The first field in which they differ, errno first, or null. `unchecked`: fields that are not compared. */
export function firstDifference(
  { i, op, errno, out }: Step,
  model: Told,
  unchecked: readonly string[] = [],
): Disagreement | null {
  const got = model.errno ?? 0;
  if (got !== errno) return { i, op, field: "errno", expected: errno, got };
  for (const field in out)
    if (!isSame(out[field], model.out[field]) && !unchecked.includes(field))
      return { i, op, field, expected: out[field], got: model.out[field] };
  for (const field in model.out)
    if (out[field] === undefined && !unchecked.includes(field))
      return { i, op, field, expected: undefined, got: model.out[field] };
  return null;
}

/** Whether two JSON values are the same, the members of objects in any order. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item: unknown, i) => isSame(item, b[i]));
  if (!isRecord(a) || !isRecord(b)) return false;
  for (const name in a) if (!isSame(a[name], b[name])) return false;
  for (const name in b) if (a[name] === undefined) return false;
  return true;
}
