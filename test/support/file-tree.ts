/**
 * What stands below a folder, as plain words that can be compared: kind, permissions, digest. Links into
 * tablespaces are followed: where a tablespace stands is not what is compared.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** `file 640 8192 1a2b…` or `folder 750`, by relative path; the folder itself is `.`. */
export type Tree = ReadonlyMap<string, string>;

export async function readTree(root: string): Promise<Tree> {
  const tree = new Map<string, string>();
  await add(tree, root, '');
  return tree;
}

async function add(tree: Map<string, string>, root: string, path: string): Promise<void> {
  const full = join(root, path);
  const about = await stat(full);
  const mode = (about.mode & 0o7777).toString(8);
  if (!about.isDirectory()) {
    const digest = createHash('sha256')
      .update(await readFile(full))
      .digest('hex');
    tree.set(path, `file ${mode} ${about.size} ${digest}`);
    return;
  }
  tree.set(path === '' ? '.' : path, `folder ${mode}`);
  for (const name of await readdir(full)) await add(tree, root, join(path, name));
}
