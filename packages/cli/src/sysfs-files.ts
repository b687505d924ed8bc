/** Reads what a host profile needs of /sys, or of a copy of it. */
import type { Dirent } from "node:fs";
import { readdir, readFile, readlink, stat } from "node:fs/promises";
import path from "node:path";
import { IoasisError } from "@ioasis/core";

const FILE_BYTES_MAX = 1 << 20;
const FILES_MAX = 200_000;

/**
 * Paths below the directory to contents; of links the target.
 * @throws IoasisError ERR_INPUT for a directory that is no sysfs
 */
export async function readSysfs(directory: string): Promise<ReadonlyMap<string, string>> {
  const root = await rootOf(directory);
  const files = new Map<string, string>();
  const add = (name: string, content: string | null): void => {
    if (content === null) return;
    if (files.size >= FILES_MAX)
      throw new IoasisError("ERR_LIMIT", `${directory}: more than ${FILES_MAX} files: is this a sysfs?`, {
        file: directory,
      });
    files.set(name, content);
  };
  const read = async (name: string): Promise<void> => add(name, await contentOf(path.join(root, name)));

  for (const group of await namesIn(path.join(root, "kernel/iommu_groups"))) {
    const base = `kernel/iommu_groups/${group}`;
    await read(`${base}/reserved_regions`);
    for (const bdf of await namesIn(path.join(root, base, "devices"))) {
      add(`${base}/devices/${bdf}`, "");
      await read(`bus/pci/devices/${bdf}/iommu`);
    }
  }
  for (const iommu of await namesIn(path.join(root, "class/iommu"))) {
    const base = `class/iommu/${iommu}`;
    add(base, "");
    for (const register of ["intel-iommu/cap", "intel-iommu/ecap", "amd-iommu/cap", "amd-iommu/features"])
      await read(`${base}/${register}`);
    for (const bdf of await namesIn(path.join(root, base, "devices"))) add(`${base}/devices/${bdf}`, "");
  }
  await read("module/vfio_iommu_type1/parameters/dma_entry_limit");
  return files;
}

/** The directory itself, or `sys` in it. */
async function rootOf(directory: string): Promise<string> {
  for (const root of [directory, path.join(directory, "sys")])
    if ((await namesIn(root)).includes("kernel")) return root;
  await stat(directory);
  throw new IoasisError(
    "ERR_INPUT",
    `${directory}: no sysfs: it has no kernel/iommu_groups (copy /sys/kernel/iommu_groups and /sys/class/iommu into it)`,
    { file: directory },
  );
}

/** Entries of a directory, in order; none where there is none. */
async function namesIn(directory: string): Promise<string[]> {
  try {
    const entries: Dirent[] = await readdir(directory, { withFileTypes: true });
    return entries.map(({ name }) => name).sort();
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** Text of a file, target of a link to a directory; null where there is neither. */
async function contentOf(file: string): Promise<string | null> {
  try {
    const about = await stat(file);
    if (about.isDirectory()) return await readlink(file);
    if (about.size > FILE_BYTES_MAX)
      throw new IoasisError("ERR_LIMIT", `${file}: ${about.size} bytes: files of sysfs are small`, { file });
    return await readFile(file, "latin1");
  } catch (error) {
    if (isAbsent(error)) return await linkOf(file);
    throw error;
  }
}

/** In a copied tree a link often points to nothing. */
async function linkOf(file: string): Promise<string | null> {
  try {
    return await readlink(file);
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && ["ENOENT", "ENOTDIR", "EINVAL"].includes(String(error.code));
}
