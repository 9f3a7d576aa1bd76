/** Is there room on the disk? Asked before anything is written, with both numbers in the answer. */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

import { Problem } from '../kernel/problem.ts';
import { formatBytes } from '../kernel/size.ts';
import { CLUSTER_NO_ROOM } from './problems.ts';

/** Beside the data: replayed segments that wait for a restart point, sort files, the log. */
const SPARE_BYTES = 256 * 1024 * 1024;
const SPARE_SHARE = 0.05;

/** What a restore of `sourceBytes` and `walBytes` of log needs at most. Pure. */
export function roomNeeded(sourceBytes: number, walBytes: number): number {
  // PostgreSQL's `max_wal_size` (1 GB) bounds what replay keeps on disk.
  const walKept = Math.min(walBytes, 1024 ** 3);
  return Math.ceil(sourceBytes * (1 + SPARE_SHARE) + walKept + SPARE_BYTES);
}

/** Bytes that we may still write in `folder`, or where it will be made. Makes nothing. */
export async function freeBytes(folder: string): Promise<number> {
  for (let path = folder; ; path = dirname(path)) {
    const found = await statfs(path).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (found !== undefined) return found.bavail * found.bsize;
    if (path === dirname(path)) return 0;
  }
}

/** @throws Problem CLUSTER_NO_ROOM with both numbers. */
export function assertRoom(folder: string, sizes: { needed: number; free: number }): void {
  if (sizes.free >= sizes.needed) return;
  throw new Problem(
    CLUSTER_NO_ROOM,
    `Cannot restore into "${folder}": ${formatBytes(sizes.free)} are free and ${formatBytes(sizes.needed)} are needed`,
    { facts: { folder, neededBytes: sizes.needed, freeBytes: sizes.free } },
  );
}
