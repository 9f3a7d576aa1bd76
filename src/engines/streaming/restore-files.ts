/**
 * Restores the files of a backup into a new directory: several workers take packs from one list. The
 * order protects: files, then everything fsynced (unless nobody wants it to last), then `pg_control` under its own name; a directory
 * without it cannot be started, so half a restore is never mistaken for a cluster. When only a few files
 * are wanted, only the stretches of packs that hold them are read.
 *
 * On failure what was written stays: the caller made the room and removes it.
 */
import { chmod, mkdir, open, readdir, rename, symlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import { associatedData } from '../../encryption/format.ts';
import { Problem } from '../../kernel/problem.ts';
import type { RestoredFiles, RestoreFilesRequest } from '../engine.ts';
import { manifestKey, packKey } from './format.ts';
import { openManifest, type PackEntry } from './manifest.ts';
import { damaged } from './pack-format.ts';
import { type OpenPack, openPack } from './pack-reader.ts';
import { RESTORE_PLACE_TAKEN } from './problems.ts';
import { placeProblem, RestoreLane } from './restore-lane.ts';
import { type PlacedFile, placeFiles, type RestorePlaces } from './restore-paths.ts';
import { restoreRuns } from './restore-runs.ts';

/** Until a file is whole; then it gets its own. */
const UNFINISHED_MODE = 0o600;
/** Beyond the workers: a thread that waits for the disk leaves its core to another. */
const WAITING_LANES = 1;
/** Files that are made or fsynced at once. */
const FILES_AT_ONCE = 8;

export async function restoreFiles(
  request: RestoreFilesRequest,
  { workers }: { readonly workers: number },
): Promise<RestoredFiles> {
  const { summary, signal } = request;
  const directory = resolve(request.directory);
  const key = manifestKey(summary, summary.backupId);
  const manifest = await openManifest({ ...request, key });
  const entries = await manifest.files();
  const { tablespaces, settings } = manifest;
  const { only } = request;
  const directoryMode = Number.parseInt(settings['data_directory_mode'] ?? '0700', 8);
  const places = placeFiles({ directory, directoryMode, entries, tablespaces, only, name: key });
  try {
    await prepare(places, signal);
    const done = await writePacks({ ...request, directory }, places, manifest.packs, workers);
    if (done.writtenBytes !== places.totalBytes)
      throw damaged(key, `${places.totalBytes - done.writtenBytes} bytes of its files are missing`);
    await finish(places, request);
    return { files: places.files.size, ...done };
  } catch (error) {
    signal.throwIfAborted();
    throw placeProblem(error, directory);
  }
}

/** Folders, empty files of their full length, links into tablespaces. */
async function prepare(places: RestorePlaces, signal: AbortSignal): Promise<void> {
  await requireEmpty(places.directory);
  if (places.links.length > 0) await requireEmpty(places.tablespaces);
  for (const { path, mode } of places.folders) {
    await mkdir(path, { recursive: true, mode });
    // It was there already, or our umask took something away.
    await chmod(path, mode);
  }
  for (const { path, target } of places.links) await symlink(target, path);
  await eachFile(places, signal, async ({ path, sizeBytes }) => {
    await using file = await open(path, 'wx', UNFINISHED_MODE);
    if (sizeBytes > 0) await file.truncate(sizeBytes);
  });
}

async function requireEmpty(directory: string): Promise<void> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  });
  if (names.length === 0) return;
  throw new Problem(
    RESTORE_PLACE_TAKEN,
    `Cannot restore into "${directory}": it holds "${names[0] ?? ''}" and should be empty`,
    { facts: { directory } },
  );
}

async function writePacks(
  request: RestoreFilesRequest,
  places: RestorePlaces,
  packs: readonly PackEntry[],
  workers: number,
): Promise<{ writtenBytes: number; readBytes: number }> {
  const failure = new AbortController();
  const signal = AbortSignal.any([request.signal, failure.signal]);
  const { summary } = request;
  let [next, writtenBytes, readBytes] = [0, 0, 0];

  function onWritten(bytes: number): void {
    writtenBytes += bytes;
    request.onProgress({ doneBytes: writtenBytes, totalBytes: places.totalBytes });
  }

  /** Takes one pack after the other from the list that all lanes share. */
  async function eachPack(work: (pack: OpenPack) => Promise<void>): Promise<void> {
    for (;;) {
      const entry = packs[next++];
      if (entry === undefined) return;
      const key = packKey(summary, summary.backupId, entry.name);
      const pack = await openPack(request, summary, key, { signal });
      if (pack.frames.length !== entry.frames) throw damaged(key, 'its number of frames is wrong');
      await work(pack);
    }
  }

  async function lane(): Promise<void> {
    if (request.only !== undefined) {
      await eachPack(async (pack) => {
        const runBytes = await restoreRuns({ folder: summary, pack, places, signal, onWritten });
        readBytes += pack.indexBytes + runBytes;
      });
      return;
    }
    await using worker = new RestoreLane(onWritten);
    await eachPack(async (pack) => {
      const segments = pack.object.sealed.segments(0);
      await worker.restore(packOrder(request, places, pack), segments, { signal });
      readBytes += pack.indexBytes + pack.object.sealed.streamBytes;
    });
  }

  const lanesMax = isDurable(request) ? workers + WAITING_LANES : workers;
  const count = places.files.size === 0 ? 0 : Math.min(lanesMax, packs.length);
  const lanes = Array.from({ length: count }, async () => {
    try {
      await lane();
    } catch (error) {
      // The other lanes stop at once; the first reason is the one that is told.
      failure.abort(error);
    }
  });
  await Promise.all(lanes);
  signal.throwIfAborted();
  return { writtenBytes, readBytes };
}

function isDurable({ durable = true }: RestoreFilesRequest): boolean {
  return durable;
}

function packOrder(
  request: RestoreFilesRequest,
  places: RestorePlaces,
  pack: OpenPack,
): Parameters<RestoreLane['restore']>[0] {
  const paths = new Map<number, string>();
  for (const [, , extents] of pack.frames) {
    for (const [file, offsetBytes, lengthBytes] of extents) {
      const placed = places.files.get(file);
      if (placed === undefined) continue;
      if (offsetBytes + lengthBytes > placed.sizeBytes)
        throw damaged(pack.key, 'its index writes behind the end of a file');
      paths.set(file, placed.path);
    }
  }
  const { header, dataKey, streamBytes } = pack.object.sealed;
  const associated = associatedData({ systemId: request.summary.systemId, name: pack.key });
  const { key: name, frames } = pack;
  const direct = isDurable(request);
  return { kind: 'pack', name, header, dataKey, associated, streamBytes, frames, paths, direct };
}

/** `pg_control` gets its name last, when a power cut can take nothing else away. */
async function finish(places: RestorePlaces, request: RestoreFilesRequest): Promise<void> {
  const durable = isDurable(request);
  await eachFile(places, request.signal, async ({ path, mode }) => {
    await using file = await open(path, 'r');
    await file.chmod(mode);
    if (durable) await file.sync();
  });
  if (durable) for (const { path } of places.folders.toReversed()) await syncPath(path);
  if (places.control !== undefined) {
    const { unfinished, path } = places.control;
    await rename(unfinished, path);
    if (durable) await syncPath(dirname(path));
  }
  if (durable) await syncPath(dirname(places.directory));
}

async function syncPath(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}

async function eachFile(
  { files }: RestorePlaces,
  signal: AbortSignal,
  work: (file: PlacedFile) => Promise<void>,
): Promise<void> {
  const all = [...files.values()];
  let next = 0;
  async function lane(): Promise<void> {
    for (;;) {
      const file = all[next++];
      if (file === undefined) return;
      signal.throwIfAborted();
      await work(file);
    }
  }
  await Promise.all(Array.from({ length: FILES_AT_ONCE }, lane));
}
