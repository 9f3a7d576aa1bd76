/**
 * Cuts the log in a copy's own folder at a position, so that its next start ends exactly there: what is
 * left is what a crash at that moment would have left. The copy is stopped, and its log is its own.
 */
import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { type Lsn, lsnBytes } from '../../kernel/lsn.ts';
import { isSegmentName, segmentPlace } from '../../kernel/wal-name.ts';

export interface LogCut {
  readonly dataDirectory: string;
  /** The end of the last record that stays. */
  readonly lsn: Lsn;
  readonly segmentBytes: number;
}

/** What follows in its segment becomes zeros, as in one that PostgreSQL has just made; later ones go. */
export async function cutLog({ dataDirectory, lsn, segmentBytes }: LogCut): Promise<void> {
  const folder = join(dataDirectory, 'pg_wal');
  const at = lsnBytes(lsn);
  for (const name of await readdir(folder)) {
    if (!isSegmentName(name)) continue;
    const kept = at - lsnBytes(segmentPlace(name, segmentBytes).beginLsn);
    if (kept <= 0n) await rm(join(folder, name));
    else if (kept < BigInt(segmentBytes)) await zeroFrom(join(folder, name), Number(kept));
  }
}

/** PostgreSQL takes the file's size for granted, so it stays. */
async function zeroFrom(file: string, kept: number): Promise<void> {
  await using handle = await open(file, 'r+');
  const { size } = await handle.stat();
  await handle.truncate(kept);
  await handle.truncate(size);
  await handle.sync();
}
