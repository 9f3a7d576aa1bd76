/**
 * Ends of transactions in stored WAL: how a time becomes a position, and how fresh an archive is. Reads
 * segment by segment; memory holds one.
 */
import { type Lsn, lsnBytes, lsnFromBytes } from '../../kernel/lsn.ts';
import { Problem } from '../../kernel/problem.ts';
import { segmentBegin, segmentNameAt } from '../../kernel/wal-name.ts';
import {
  readTransactionEnds,
  type TransactionEnd,
  WalRecordReader,
} from '../../postgres/wal-records.ts';
import type { ClusterFolder, StoreAndKeys } from '../engine.ts';
import type { WalRun } from '../wal-archive.ts';
import { WAL_DAMAGED } from './wal-problems.ts';
import { readStoredSegment } from './wal-store.ts';

export interface StoredWal extends StoreAndKeys {
  readonly folder: ClusterFolder;
  readonly segmentBytes: number;
  readonly signal: AbortSignal;
}

/** How far back `findLatestCommit()` looks: a busy log has commits everywhere. */
const SEGMENTS_BACK_MAX = 64;

// In order of the log, from the segment that holds `fromLsn` to the end of the run.
export async function* readStoredTransactions(
  stored: StoredWal,
  run: WalRun,
  fromLsn: Lsn = run.fromLsn,
): AsyncGenerator<TransactionEnd, void, undefined> {
  const { segmentBytes } = stored;
  const beginLsn = segmentBegin(fromLsn, segmentBytes);
  let found: TransactionEnd[] = [];
  const reader = new WalRecordReader({ beginLsn, segmentBytes }, (end) => found.push(end));
  const size = BigInt(segmentBytes);
  const into = Buffer.allocUnsafeSlow(segmentBytes);
  for (let lsn = lsnBytes(beginLsn); lsn < lsnBytes(run.toLsn); lsn += size) {
    stored.signal.throwIfAborted();
    reader.feed(await readSegment({ ...stored, into }, run, lsn));
    yield* found;
    found = [];
  }
  reader.finish();
  yield* found;
}

/** Undefined: none in the last 64 segments of the run. */
export async function findLatestCommit(
  stored: StoredWal,
  run: WalRun,
): Promise<TransactionEnd | undefined> {
  const { segmentBytes } = stored;
  const size = BigInt(segmentBytes);
  const oldest = lsnBytes(segmentBegin(run.fromLsn, segmentBytes));
  let lsn = lsnBytes(segmentBegin(lsnFromBytes(lsnBytes(run.toLsn) - 1n), segmentBytes));
  // A record that crosses into a segment is found with the two together.
  let after: Buffer = Buffer.alloc(0);
  for (let left = SEGMENTS_BACK_MAX; left > 0 && lsn >= oldest; left--, lsn -= size) {
    const bytes = await readSegment(stored, run, lsn);
    const place = { beginLsn: lsnFromBytes(lsn), segmentBytes };
    const ends = readTransactionEnds(Buffer.concat([bytes, after]), place);
    const commit = ends.findLast(({ kind }) => kind === 'commit');
    if (commit !== undefined) return commit;
    after = bytes;
  }
  return undefined;
}

async function readSegment(
  stored: StoredWal & { readonly into?: Buffer },
  run: WalRun,
  lsn: bigint,
): Promise<Buffer> {
  const name = segmentNameAt(run.timeline, lsnFromBytes(lsn), stored.segmentBytes);
  const bytes = await readStoredSegment(stored, name);
  const expected = Math.min(stored.segmentBytes, Number(lsnBytes(run.toLsn) - lsn));
  if (bytes !== undefined && bytes.length >= expected) return bytes;
  const what =
    bytes === undefined ? 'it has gone' : `${bytes.length} of ${expected} bytes are left`;
  throw new Problem(WAL_DAMAGED, `Cannot read the stored WAL "${name}": ${what}`, {
    facts: { name },
  });
}
