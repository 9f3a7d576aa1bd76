/**
 * A tablespace that was made since the backup stands where production has it, as the log says: replay
 * must never write there.
 */
import { lsnBytes } from '../../kernel/lsn.ts';
import { Problem } from '../../kernel/problem.ts';
import { type SegmentName, segmentPlace } from '../../kernel/wal-name.ts';
import { moveTablespacesInside } from '../../postgres/wal-tablespaces.ts';
import { TABLESPACE_CUT } from '../problems.ts';

/** Changes `segment`, which is a whole one: what is not stored of it is zeros. @throws Problem RECOVERY_TABLESPACE_CUT */
export function keepInside(segment: Buffer, name: SegmentName): void {
  const { beginLsn } = segmentPlace(name, segment.length);
  if (!moveTablespacesInside(segment, lsnBytes(beginLsn)).cut) return;
  throw new Problem(
    TABLESPACE_CUT,
    `Cannot replay: a tablespace was made at the very edge of WAL segment "${name}", and replay would write where production has it`,
    { facts: { segment: name } },
  );
}
