/**
 * A tablespace that was made since the backup stands where production has it, as the log says: replay
 * must never write there.
 */
import { open } from 'node:fs/promises';

import { lsnBytes } from '../../kernel/lsn.ts';
import { Problem } from '../../kernel/problem.ts';
import { type SegmentName, segmentPlace } from '../../kernel/wal-name.ts';
import { moveTablespacesInside } from '../../postgres/wal-tablespaces.ts';
import { TABLESPACE_CUT } from '../problems.ts';

/** `buffer` holds a segment at least. @throws Problem RECOVERY_TABLESPACE_CUT */
export async function keepInside(
  file: string,
  name: SegmentName,
  { buffer, segmentBytes }: { readonly buffer: Buffer; readonly segmentBytes: number },
): Promise<void> {
  await using handle = await open(file, 'r+');
  const { bytesRead } = await handle.read(buffer, 0, segmentBytes, 0);
  const bytes = buffer.subarray(0, bytesRead);
  const { beginLsn } = segmentPlace(name, segmentBytes);
  const { moved, cut } = moveTablespacesInside(bytes, lsnBytes(beginLsn));
  if (cut)
    throw new Problem(
      TABLESPACE_CUT,
      `Cannot replay: a tablespace was made at the very edge of WAL segment "${name}", and replay would write where production has it`,
      { facts: { segment: name } },
    );
  if (moved.length > 0) await handle.write(bytes, 0, bytesRead, 0);
}
