// Bugs that are planted in a copy of the code, to see that the simulation finds them.
import { readFileSync } from "node:fs";
import path from "node:path";

/** `find` stands once in the file; the copy that is simulated has `replace` in its place. */
export const PLANTS = {
  /** The fence is told before it is durable: the seal shows in memory while the disk still writes it. */
  "told-before-durable": [
    {
      file: "packages/store/src/framed-journal.ts",
      find: "    if (adopted.blocks.length + adopted.epochs.length > 0) await this.#commit(context, adopted);\n",
      replace:
        "    if (adopted.epochs.some(({ epoch }) => epoch.sealed !== null && epoch.owner === this.replica)) {\n" +
        "      for (const { epoch } of adopted.epochs) context.addEpoch(epoch);\n" +
        "      void this.#commit(context, adopted);\n" +
        "    } else if (adopted.blocks.length + adopted.epochs.length > 0) await this.#commit(context, adopted);\n",
    },
  ],
  /** The destination claims when it hears of the seal, without the last blocks that came with it. */
  "claim-without-tail": [
    {
      file: "packages/migration/src/destination-run.ts",
      find: "await this.#journal.adopt(this.#context, blocks, [epoch, ruling.epoch]);",
      replace: "await this.#journal.adopt(this.#context, [], [epoch, ruling.epoch]);",
    },
    {
      file: "packages/store/src/ownership.ts",
      find: 'if (epoch.owner === replica && !isHere(epoch.from)) throw stale("claimed", epoch.from);',
      replace: "",
    },
  ],
};

/** An esbuild plugin that plants the bug `name`. */
export function plant(root, name) {
  const edits = PLANTS[name];
  if (edits === undefined) throw new Error(`no bug is called ${name}: there are ${Object.keys(PLANTS).join(", ")}`);
  return {
    name: `plant ${name}`,
    setup(build) {
      for (const file of new Set(edits.map((edit) => edit.file))) {
        const full = path.join(root, file);
        build.onLoad({ filter: new RegExp(`${file.replaceAll(/[./]/g, "[./]")}$`) }, ({ path: asked }) => {
          if (asked !== full) return undefined;
          let contents = readFileSync(full, "utf8");
          for (const { find, replace } of edits.filter((edit) => edit.file === file)) {
            if (contents.split(find).length !== 2)
              throw new Error(`${file}: what the bug ${name} replaces does not stand there once`);
            contents = contents.replace(find, () => replace);
          }
          return { contents, loader: "ts" };
        });
      }
    },
  };
}
