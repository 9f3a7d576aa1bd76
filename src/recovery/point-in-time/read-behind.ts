/**
 * Reads the stored log on behind the position where a copy was stopped by a time, to tell whether that time
 * was passed again. Reads at most so much and for so long, and says how far it came. The copy is as good as
 * it is without this, so whatever fails here is told and ends no restore.
 */
import type { BackupSummary } from '../../engines/engine.ts';
import type { WalRun } from '../../engines/wal-archive.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../kernel/log.ts';
import { compareLsn, type Lsn, lsnBytes, lsnFromBytes } from '../../kernel/lsn.ts';
import { isProblem } from '../../kernel/problem.ts';
import { segmentBegin, segmentNameAt } from '../../kernel/wal-name.ts';
import { WalRecordReader } from '../../postgres/wal-records.ts';
import type { WalPath } from '../coverage.ts';
import type { ReadWal } from '../wal-sources.ts';
import { type ClockReading, type ClockWatch, watchClock } from './clock-steps.ts';

/** Of log; a busy server's of some minutes, an idle one's of days. */
const BYTES_MAX = 1024 * 1024 * 1024;
/** Whoever waits for a copy waits no longer for this. */
const READ_LIMIT_MS = 30_000;

export interface BehindRequest {
  readonly base: Pick<BackupSummary, 'segmentBytes'>;
  readonly path: Pick<WalPath, 'runs' | 'broken'>;
  readonly readWal: ReadWal;
  readonly target: Temporal.Instant;
  /** Where the copy stands. */
  readonly lsn: Lsn;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: { doneBytes: number; totalBytes: number }) => void;
  /** Default: 1 GiB. */
  readonly bytesMax?: number;
}

export type Behind =
  | {
      readonly outcome: 'read';
      readonly reading: ClockReading;
      readonly lookedTo: Lsn;
      /** Whether that is the end of the stored log. */
      readonly whole: boolean;
    }
  | { readonly outcome: 'unread'; readonly why: string };

/** Throws only when it is cancelled. */
export async function readBehind(request: BehindRequest): Promise<Behind> {
  const { signal, log } = request;
  try {
    // Between segments it ends by itself sooner; a store that says nothing is not waited for.
    const limit = AbortSignal.any([signal, AbortSignal.timeout(2 * READ_LIMIT_MS)]);
    return await readRuns({ ...request, signal: limit });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Error)) throw error;
    log.warn('The log behind the target could not be read', { error: error.message });
    return { outcome: 'unread', why: error.message };
  }
}

interface Budget {
  bytes: number;
  readonly deadlineMs: number;
}

async function readRuns(request: BehindRequest): Promise<Behind> {
  const { path, lsn, target, clock, bytesMax = BYTES_MAX } = request;
  const watch = watchClock(target);
  const budget: Budget = { bytes: bytesMax, deadlineMs: clock.elapsedMs() + READ_LIMIT_MS };
  let from = lsn;
  let ended: Ended = { lookedTo: lsn, whole: true };
  for (const [index, run] of path.runs.entries()) {
    const isLast = index === path.runs.length - 1;
    if (!isLast && compareLsn(run.toLsn, from) <= 0) continue;
    ended = await readRun(request, { run, from, isLast }, { watch, budget });
    if (!ended.whole) break;
    from = run.toLsn;
  }
  const whole = ended.whole && !path.broken;
  return { outcome: 'read', reading: watch.answer(), lookedTo: ended.lookedTo, whole };
}

interface Part {
  /** As far as it was stored when the plan was made. */
  readonly run: WalRun;
  readonly from: Lsn;
  /** What was stored since is read too. */
  readonly isLast: boolean;
}

interface Ended {
  readonly lookedTo: Lsn;
  readonly whole: boolean;
}

interface Means {
  readonly watch: ClockWatch;
  readonly budget: Budget;
}

async function readRun(request: BehindRequest, part: Part, means: Means): Promise<Ended> {
  const { clock } = request;
  const { segmentBytes } = request.base;
  const { run, from, isLast } = part;
  const { watch, budget } = means;
  const begin = segmentBegin(from, segmentBytes);
  const reader = new WalRecordReader({ beginLsn: begin, segmentBytes }, (end) => {
    const isInside = isLast || compareLsn(end.lsn, run.toLsn) < 0;
    if (isInside && compareLsn(end.lsn, from) >= 0) watch.take(end);
  });
  const into = Buffer.allocUnsafeSlow(segmentBytes);
  let lsn = begin;
  for (;;) {
    if (!isLast && compareLsn(lsn, run.toLsn) >= 0) break;
    if (budget.bytes <= 0 || clock.elapsedMs() > budget.deadlineMs)
      return { lookedTo: further(from, lsn), whole: false };
    budget.bytes -= segmentBytes;
    const bytes = await readSegment(request, { ...part, into }, lsn);
    if (bytes === undefined) break;
    reader.feed(bytes);
    tellProgress(request, budget);
    lsn = lsnFromBytes(lsnBytes(lsn) + BigInt(bytes.length));
    if (bytes.length < segmentBytes) break;
  }
  reader.finish();
  const whole = compareLsn(lsn, run.toLsn) >= 0;
  return { lookedTo: further(from, whole ? run.toLsn : lsn), whole };
}

function tellProgress(
  { path, lsn, onProgress, bytesMax = BYTES_MAX }: BehindRequest,
  budget: Budget,
): void {
  const end = path.runs.at(-1)?.toLsn ?? lsn;
  const totalBytes = Math.min(bytesMax, Math.max(0, Number(lsnBytes(end) - lsnBytes(lsn))));
  onProgress({ doneBytes: Math.min(totalBytes, bytesMax - budget.bytes), totalBytes });
}

/** Undefined: the stored log ends before it. */
async function readSegment(
  { base, readWal, signal }: BehindRequest,
  { run, into }: Part & { readonly into: Buffer },
  lsn: Lsn,
): Promise<Buffer | undefined> {
  const name = segmentNameAt(run.timeline, lsn, base.segmentBytes);
  try {
    return await readWal(name, { into, signal });
  } catch (error) {
    // Where it still grows, tails give way to what they were joined into.
    if (isProblem(error) && compareLsn(lsn, run.toLsn) >= 0) return undefined;
    throw error;
  }
}

function further(a: Lsn, b: Lsn): Lsn {
  return compareLsn(a, b) >= 0 ? a : b;
}
