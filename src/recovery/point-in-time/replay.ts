/**
 * Follows a replay to its target and asserts that it stands there: in recovery, paused, at a position.
 * Believes no exit code and no silence; a copy that has opened itself is refused.
 */
import type { ScratchCluster } from '../../clusters/scratch-cluster.ts';
import type { Clock } from '../../kernel/clock.ts';
import { compareLsn, type Lsn, toLsn } from '../../kernel/lsn.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Session } from '../../postgres/session.ts';
import type { WalPath } from '../coverage.ts';
import { TARGET_NOT_FOUND, TARGET_NOT_REACHED, WAL_HOLE } from '../problems.ts';
import { EndWatch } from './end-watch.ts';
import { openedUnread } from './not-readable.ts';
import type { ReplayTarget } from './recovery-settings.ts';
import type { WalFeed } from './wal-feed.ts';

const POLL_MS = 60;
const PAUSE_POLLS_MAX = 500;
const END_POLLS_MAX = 50;

export interface ReplayRequest {
  readonly cluster: ScratchCluster;
  readonly session: Session;
  readonly feed: WalFeed;
  readonly target: ReplayTarget;
  readonly path: WalPath;
  readonly segmentBytes: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress: (lsn: Lsn) => void;
}

export type ReplayEnd =
  /** It stands, paused: at the target, or at the end of the log before any later commit. */
  | { readonly outcome: 'reached'; readonly how: 'target' | 'end of log'; readonly state: Reached }
  /** The primary raised a setting that replay needs: start again with the larger value. */
  | { readonly outcome: 'settings too small' };

export interface Reached {
  readonly lsn: Lsn;
  /** When the last transaction that is in it was committed; null: none was replayed. */
  readonly at: Temporal.Instant | null;
}

/**
 * Where it is reached, the feed has been told that no more is needed.
 *
 * @throws Problem TARGET_NOT_REACHED, TARGET_NOT_FOUND, WAL_HOLE, RECOVERY_FAILED, RECOVERY_NOT_READABLE
 */
export async function followReplay(request: ReplayRequest): Promise<ReplayEnd> {
  const { session, path, clock, signal, cluster } = request;
  const watch = new EndWatch(request);
  for (;;) {
    if (!cluster.isRunning()) throw await notReached(request, 'PostgreSQL ended by itself');
    const state = await readState(session);
    if (!state.recovering) throw await openedItself(request);
    request.onProgress(state.lsn);
    if (state.pause === 'paused') return await judgePause(request);
    if (isAtEnd(request, state.lsn) || watch.sees(state.lsn)) {
      refuseEnd(request, path);
      await pauseReplay(request);
      return { outcome: 'reached', how: 'end of log', state: await reached(session) };
    }
    await clock.sleep(POLL_MS, { signal });
  }
}

interface State {
  readonly recovering: boolean;
  readonly pause: string;
  readonly lsn: Lsn;
}

async function readState(session: Session): Promise<State> {
  const [row] = await session.query<{ recovering: boolean; pause: string; lsn: string | null }>(
    `SELECT pg_is_in_recovery() AS recovering,
            CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() ELSE '' END AS pause,
            pg_last_wal_replay_lsn()::text AS lsn`,
  );
  return {
    recovering: row?.recovering ?? false,
    pause: row?.pause ?? '',
    lsn: toLsn(row?.lsn ?? '0/0'),
  };
}

/** Everything that was stored when the plan was made has been replayed. */
function isAtEnd({ path, target }: ReplayRequest, lsn: Lsn): boolean {
  if (target.kind === 'where it stood') return compareLsn(lsn, target.lsn) >= 0;
  // More may have been stored since, and the moment may lie in it: PostgreSQL has to say that it ends.
  if (target.kind === 'time') return false;
  const end = target.kind === 'lsn' ? toLsn(target.lsn) : path.toLsn;
  return compareLsn(lsn, end) >= 0 && compareLsn(lsn, path.toLsn) >= 0;
}

async function judgePause(request: ReplayRequest): Promise<ReplayEnd> {
  const log = await request.cluster.log();
  const stopped = /recovery stopping (?:before|after) /.test(log);
  if (!stopped && log.includes('insufficient parameter settings'))
    return { outcome: 'settings too small' };
  if (!stopped) throw await notReached(request, 'replay was paused by somebody else');
  await request.feed.finish();
  return { outcome: 'reached', how: 'target', state: await reached(request.session) };
}

/** The end of the log is an answer only where nothing that was asked for can lie behind it. */
export function refuseEnd(
  { target, feed }: Pick<ReplayRequest, 'target' | 'feed'>,
  path: WalPath,
): void {
  const short = feed.cutShort();
  if (short !== undefined) throw short;
  if (path.broken) {
    const missing = path.missing.slice(0, 3).join(', ');
    throw new Problem(WAL_HOLE, `Cannot replay past ${path.toLsn}: WAL is missing (${missing})`, {
      facts: { lsn: path.toLsn, segments: missing },
    });
  }
  if (target.kind === 'xid') {
    const message = `Cannot find transaction ${target.xid} in the stored WAL after the chosen backup`;
    throw new Problem(TARGET_NOT_FOUND, message, { facts: { xid: target.xid } });
  }
}

async function pauseReplay({ session, feed, clock, signal }: ReplayRequest): Promise<void> {
  await session.query('SELECT pg_wal_replay_pause()');
  // PostgreSQL notices it only between two files, and a store may take long to say that it has no more.
  await feed.finish();
  for (let polls = 0; polls < PAUSE_POLLS_MAX; polls += 1) {
    if ((await readState(session)).pause === 'paused') return;
    await clock.sleep(POLL_MS, { signal });
  }
  throw new Problem(TARGET_NOT_REACHED, 'Cannot hold the replay at the end of the log');
}

async function reached(session: Session): Promise<Reached> {
  const [row] = await session.query<{ lsn: string; at: Temporal.Instant | null }>(
    'SELECT pg_last_wal_replay_lsn()::text AS lsn, pg_last_xact_replay_timestamp() AS at',
  );
  return { lsn: toLsn(row?.lsn ?? '0/0'), at: row?.at ?? null };
}

/** Undefined: it is still running. Its end and the end of our connections are told in any order. */
export async function endedByItself(
  cluster: ScratchCluster,
  { clock, signal }: Pick<ReplayRequest, 'clock' | 'signal'>,
): Promise<Problem | undefined> {
  for (let polls = 0; cluster.isRunning(); polls += 1) {
    if (polls === END_POLLS_MAX) return undefined;
    await clock.sleep(POLL_MS, { signal });
  }
  return notReached({ cluster }, 'PostgreSQL ended by itself');
}

async function openedItself(request: ReplayRequest): Promise<Problem> {
  const unread = openedUnread(await request.cluster.log());
  return unread ?? (await notReached(request, 'the copy has opened itself'));
}

async function notReached(
  { cluster }: Pick<ReplayRequest, 'cluster'>,
  why: string,
): Promise<Problem> {
  const words = (await cluster.log()).trim().split('\n').slice(-6).join('\n');
  return new Problem(TARGET_NOT_REACHED, `Cannot trust the restored copy: ${why}: ${words}`, {
    facts: { log: words },
  });
}
