/**
 * Saved models of every driver, as bytes that an earlier program wrote. Their format is not kept up: a failure here
 * means that FORMAT has to be raised, and new files put in the place of these. tests/saved-models.test.ts has the rest.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { IoasisError, type SavedDriver } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decodeModel, encodeModel, sealModel } from "./saved-model.ts";

const FOLDER = path.join(process.env["IOASIS_ROOT"] ?? process.cwd(), "tests/recordings/codec");
const KINDS: readonly SavedDriver["kind"][] = [
  "iommufd",
  "iommufd-vfio-compat",
  "vfio-type1",
  "spapr-tce",
  "virtio-iommu",
];
const DIGEST = "ab".repeat(32);
const DRIVERS = JSON.parse(readFileSync(path.join(FOLDER, "drivers-1.json"), "utf8")) as Record<string, unknown>;

const golden = (kind: string) => new Uint8Array(readFileSync(path.join(FOLDER, `${kind}-1.model`)));

/** Values as JSON shows them, bigints as "0x...". */
const readable = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, field) => (typeof field === "bigint" ? `0x${field.toString(16)}` : field)));

function outcome(bytes: Uint8Array): string {
  try {
    decodeModel(bytes);
    return "read";
  } catch (error) {
    if (!(error instanceof IoasisError)) throw error;
    return error.code;
  }
}

const test = suite("saved model");

for (const kind of KINDS)
  test(`${kind}: what format 1 holds, and its bytes`, () => {
    const { contextId, digest, model } = decodeModel(golden(kind));
    assert.equal([contextId, digest], ["c0ffee", DIGEST]);
    assert.equal(readable(model.driver), DRIVERS[kind]);
    assert.equal(sealModel(encodeModel(contextId, model), digest), golden(kind));
  });

test("the places of tables in a record are as many as the tables behind it", () => {
  const { model } = decodeModel(golden("vfio-type1"));
  assert.ok(model.tables.length > 0);
  assert.is(outcome(sealModel(encodeModel("c", { ...model, tables: [] }), DIGEST)), "ERR_BLOCK");
  assert.is(
    outcome(sealModel(encodeModel("c", { ...model, tables: [...model.tables, ...model.tables] }), DIGEST)),
    "ERR_BLOCK",
  );
});

test("a field that is missing, unknown or of another form is damage", () => {
  for (const kind of KINDS) {
    const { model } = decodeModel(golden(kind));
    const with1 = (driver: object): string =>
      outcome(sealModel(encodeModel("c", { ...model, driver: driver as SavedDriver }), DIGEST));
    assert.is(with1({ ...model.driver, more: 1 }), "ERR_BLOCK", kind);
    assert.is(with1({ ...model.driver, kind: "none" }), "ERR_BLOCK", kind);
    for (const field of Object.keys(model.driver)) {
      const { [field as keyof SavedDriver]: _, ...less } = model.driver;
      assert.is(with1(less), "ERR_BLOCK", `${kind} without ${field}`);
      if (field !== "kind") assert.is(with1({ ...model.driver, [field]: "?" }), "ERR_BLOCK", `${kind}: ${field}`);
    }
  }
});

test("a flipped bit, a cut and bytes behind it are damage", () => {
  const bytes = golden("vfio-type1");
  for (let bit = 0; bit < bytes.length * 8; bit += 3) {
    const flipped = bytes.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.is(outcome(flipped), (flipped[4] as number) > 1 ? "ERR_NEWER" : "ERR_BLOCK", `bit ${bit}`);
  }
  for (let length = 0; length < bytes.length; length += 7) assert.is(outcome(bytes.subarray(0, length)), "ERR_BLOCK");
  assert.is(outcome(Uint8Array.of(...bytes, 0)), "ERR_BLOCK");
});

test.run();
