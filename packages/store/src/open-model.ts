/** The model of a context that takes commands, for an engine: from the newest saved one and what came behind it. */
import { createdOf, IoasisError, loadModel, type Model, resumeModel, type SavedModel } from "@ioasis/core";
import type { Journal } from "./journal.ts";
import { SNAPSHOT_BLOCK_WORK } from "./limits.ts";

/** `work`: of folding what came behind the saved model (see SNAPSHOT_WORK). */
export interface OpenedModel {
  readonly model: Model;
  readonly work: number;
}

/** @throws IoasisError ERR_NO_CONTEXT, ERR_DAMAGED, ERR_INPUT (not made for commands) */
export function openModel(journal: Journal, name: string): OpenedModel {
  for (const saved of journal.models(name)) {
    const model = resumed(journal, name, saved);
    if (model !== null) return caughtUp(model, journal, name);
  }
  const model = loadModel(journal.batches(name));
  return { model, work: model.state.version };
}

/** Null: what was saved is no model of this profile. */
function resumed(journal: Journal, name: string, saved: SavedModel): Model | null {
  const [first] = journal.batches(name, 1, 1);
  try {
    return resumeModel(createdOf(first), saved);
  } catch (error) {
    if (error instanceof IoasisError && error.code === "ERR_BLOCK") return null;
    throw error;
  }
}

function caughtUp(model: Model, journal: Journal, name: string): OpenedModel {
  const next = model.state.version + 1;
  let work = 0;
  for (const batch of journal.batches(name, next)) {
    model.fold(batch);
    work += batch.length + SNAPSHOT_BLOCK_WORK;
  }
  return { model, work };
}
