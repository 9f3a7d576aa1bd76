/** Makes the folders of a scratch cluster, and gives them to the user that will run it. */
import { constants, existsSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { Problem } from '../kernel/problem.ts';
import { type ProgramUser, runProgramWell } from '../subprocess/run.ts';
import { PLACE_FILES, type ScratchPlace, tablespacesOf } from './place.ts';
import { CLUSTER_PLACE_TAKEN, CLUSTER_PLACE_UNREACHABLE } from './problems.ts';

const PRIVATE = 0o700;
const GROUP_READS = 0o750;
const CHOWN_MS = 10 * 60_000;

/**
 * Makes the folder and the socket folder. The data directory itself is left to whoever restores into
 * it; when it stands elsewhere it must be empty or absent, and a note says that it is ours.
 *
 * @throws Problem CLUSTER_PLACE_TAKEN, CLUSTER_PLACE_UNREACHABLE
 */
export async function makeScratchFolders(
  place: ScratchPlace,
  user: ProgramUser | undefined,
): Promise<void> {
  await assertEmpty(place.dataDirectory);
  await assertEmpty(tablespacesOf(place));
  await mkdir(dirname(place.folder), { recursive: true });
  await mkdir(place.folder, { mode: PRIVATE });
  if (dirname(place.dataDirectory) !== place.folder) {
    await writeFile(join(place.folder, PLACE_FILES.owned), `${place.dataDirectory}\n`);
    await mkdir(dirname(place.dataDirectory), { recursive: true });
    await mkdir(place.dataDirectory, { recursive: true, mode: PRIVATE });
  }
  await mkdir(place.socketFolder, { mode: PRIVATE });
  await assertReachable(dirname(place.folder), user);
  await assertReachable(
    dirname(place.dataDirectory),
    place.folder === dirname(place.dataDirectory) ? undefined : user,
  );
}

/** @throws Problem CLUSTER_PLACE_TAKEN when there is something in it. */
export async function assertEmpty(directory: string): Promise<void> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw taken(directory, 'it is not a folder that can be read', error);
  });
  if (names.length > 0) throw taken(directory, `it holds "${names[0] ?? ''}" and must be empty`);
}

function taken(directory: string, why: string, cause?: unknown): Problem {
  return new Problem(CLUSTER_PLACE_TAKEN, `Cannot restore into "${directory}": ${why}`, {
    facts: { directory },
    cause,
  });
}

/** Gives everything of `place` to `user`; nothing to do when we are that user. */
export async function giveTo(place: ScratchPlace, user: ProgramUser | undefined): Promise<void> {
  // PostgreSQL takes no other permissions than these two; with the second, a group may read along.
  const { mode } = await stat(place.dataDirectory);
  await chmod(place.dataDirectory, (mode & 0o777) === GROUP_READS ? GROUP_READS : PRIVATE);
  if (user === undefined) return;
  // -h: links (tablespaces) are not followed out of the tree.
  const owner = `${user.uid}:${user.gid}`;
  const named = [place.folder, place.dataDirectory, place.socketFolder, tablespacesOf(place)];
  const trees = [...new Set(named)].filter((path) => existsSync(path));
  await runProgramWell('/bin/chown', ['-R', '-h', owner, '--', ...trees], {
    signal: AbortSignal.timeout(CHOWN_MS),
    deadlineMs: CHOWN_MS,
    cwd: '/',
    environment: { LC_ALL: 'C' },
  });
}

/** Gives one file or folder to `user`. */
export async function giveOne(path: string, user: ProgramUser | undefined): Promise<void> {
  if (user !== undefined) await chown(path, user.uid, user.gid);
}

/** @throws Problem CLUSTER_PLACE_UNREACHABLE when a folder above cannot be entered by `user`. */
async function assertReachable(folder: string, user: ProgramUser | undefined): Promise<void> {
  if (user === undefined) return;
  for (let path = folder; ; path = dirname(path)) {
    const about = await stat(path);
    if (!mayEnter(about, user)) {
      const message = `Cannot run PostgreSQL in "${folder}": user "${user.name}" cannot enter "${path}"`;
      throw new Problem(CLUSTER_PLACE_UNREACHABLE, message, { facts: { folder, path } });
    }
    if (path === dirname(path)) return;
  }
}

function mayEnter(
  about: { readonly uid: number; readonly gid: number; readonly mode: number },
  user: ProgramUser,
): boolean {
  if (about.uid === user.uid) return (about.mode & constants.S_IXUSR) !== 0;
  if (about.gid === user.gid) return (about.mode & constants.S_IXGRP) !== 0;
  return (about.mode & constants.S_IXOTH) !== 0;
}
