// Bugs that are planted in a copy of the code, to see that the simulation finds them.
import { readFileSync } from "node:fs";
import path from "node:path";

/** `find` stands once in the file; the copy that is simulated has `replace` in its place. */
export const PLANTS = {
  /** The fence is told before it is durable: the seal shows in memory while the disk still writes it. */
  "told-before-durable": [
    {
      file: "packages/store/src/framed-journal.ts",
      find: '    const frame = recordFrame({ kind: "epoch", context: context.number, epoch }, ++context.tail.sequence);\n',
      replace:
        '    const frame = recordFrame({ kind: "epoch", context: context.number, epoch }, ++context.tail.sequence);\n' +
        "    if (epoch.sealed !== null) {\n" +
        "      context.addEpoch(epoch);\n" +
        "      void this.#settle(context, this.#push([frame], () => void context.sequence++));\n" +
        "      return;\n" +
        "    }\n",
    },
  ],
  /** The destination claims when it hears of the seal, whether the tail has come or not. */
  "claim-without-tail": [
    {
      file: "packages/migration/src/destination-run.ts",
      find: "head.version >= this.#sealed.seal.at.version)\n      await this.#verify(this.#sealed, head);",
      replace: "true)\n      await this.#verify(this.#sealed, head);",
    },
    { file: "packages/migration/src/destination-run.ts", find: "if (difference !== null) {", replace: "if (false) {" },
    {
      file: "packages/store/src/ownership.ts",
      find: 'if (epoch.owner === replica && !isHere(epoch.from)) throw stale("claimed", epoch.from);',
      replace: "",
    },
    { file: "packages/migration/src/rules.ts", find: "if (held.version !== at.version)\n", replace: "if (false)\n" },
    { file: "packages/migration/src/rules.ts", find: "if (held.digest !== at.digest)\n", replace: "if (false)\n" },
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
