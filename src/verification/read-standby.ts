/**
 * Takes the contents of production from a standby: its replay is paused, and where it stands is the position
 * of everything that can be read there. It goes on whatever happens: what a killed process leaves paused is
 * claimed, and resumed by the sweeper. One that somebody else has paused is left alone.
 */
import type { DatabaseContent } from '../engines/proof-point.ts';
import type { Sweeper } from '../gate/operation.ts';
import { compareLsn, type Lsn, toLsn } from '../kernel/lsn.ts';
import { Problem } from '../kernel/problem.ts';
import { readServerFacts } from '../postgres/server-facts.ts';
import { quoteIdentifier, type Session } from '../postgres/session.ts';
import { namesInUrl } from '../recovery/server-url.ts';
import { readBeyondTables } from './beyond-tables.ts';
import type { ContentRequest, TakenContent } from './content.ts';
import type { VerificationDeps } from './deps.ts';
import { CANNOT_PAUSE } from './problems.ts';
import { openReader, READ_ONLY, readDatabase } from './read-databases.ts';
import { waitUntilStored, writeLast } from './stored-log.ts';

const PAUSE_LIMIT_MS = 60_000;
const POLL_MS = 50;
const RESUME_MS = 15_000;
const PAUSED_REPLAY = 'paused standby';
const RESUME_SQL = 'SELECT pg_wal_replay_resume();';

export interface StandbyRequest extends ContentRequest {
  /** Its URL; may hold a password. */
  readonly readFrom: string;
  /** A session on production. */
  readonly control: Session;
}

/** @throws Problem VERIFY_CANNOT_PAUSE, POSTGRES_* */
export async function takeFromStandby(
  deps: VerificationDeps,
  request: StandbyRequest,
): Promise<TakenContent> {
  const { readFrom, control, databases, budget, notBefore, signal } = request;
  const { clock, connect } = deps.recovery;
  const deadlineMs = clock.elapsedMs() + budget.seconds * 1000;
  const taken: DatabaseContent[] = [];
  let stoodMs = 0;
  {
    await using standby = await connect(readFrom, { signal, applicationName: 'dbdr verify' });
    // It is asked again only after each database was read.
    await standby.query('SET idle_session_timeout TO 0');
    const facts = await readServerFacts(standby);
    if (facts.systemId !== request.systemId)
      return { outcome: 'other cluster', systemId: facts.systemId };
    await requireStandby(standby, facts.inRecovery, readFrom);
    await using stillness = new AsyncDisposableStack();
    const pausedMs = clock.elapsedMs();
    stillness.use(await pause(deps, request, standby));
    const lsn = await standingAt(standby);
    if (compareLsn(lsn, notBefore) < 0)
      return {
        outcome: 'no position',
        reason: `the standby stands at ${lsn}, before the end of the backup`,
      };
    const at = clock.now();
    for (const database of databases) {
      const place = { ...request, url: readFrom, database };
      await using leader = await openReader(deps.recovery, place);
      const content = { ...place, leader, begin: READ_ONLY, lsn, at, deadlineMs };
      // What else is read of it may need a transaction.
      taken.push(
        await leader.transaction(READ_ONLY, async () => {
          const beyond = await readBeyondTables(leader, place);
          const read = await readDatabase(deps.recovery, content);
          return { ...read, leftOut: [...read.leftOut, ...beyond] };
        }),
      );
      // Each table is read in a transaction of its own: only a standstill makes them see the same.
      if (!(await standsStillAt(standby, lsn)))
        return {
          outcome: 'no position',
          reason: 'somebody let the standby go on while it was read',
        };
    }
    stoodMs = clock.elapsedMs() - pausedMs;
  }
  // A position is reached only where the log goes on behind it.
  const last = await writeLast(control);
  const limit = { last, deadlineMs: clock.elapsedMs() + budget.seconds * 1000 };
  const missing = await waitUntilStored(clock, request, limit);
  if (missing !== undefined) return { outcome: 'no position', reason: missing };
  const point = { databases: taken, untilLsn: last.untilLsn };
  return { outcome: 'taken', point, snapshotSeconds: stoodMs / 1000 };
}

/** Looked at before anything is paused: who may pause and not resume would leave it standing. */
async function requireStandby(
  standby: Session,
  inRecovery: boolean,
  readFrom: string,
): Promise<void> {
  const [may] = await standby.query<{ pause: boolean; resume: boolean; role: string }>(
    `SELECT has_function_privilege('pg_wal_replay_pause()', 'EXECUTE') AS pause,
            has_function_privilege('pg_wal_replay_resume()', 'EXECUTE') AS resume,
            current_user::text AS role`,
  );
  const place = `"${namesInUrl(readFrom).database}" of \`verification.read_from\``;
  if (!inRecovery)
    throw new Problem(CANNOT_PAUSE, `Cannot read from ${place}: it is no standby`, {
      hint: 'Name a standby of the server in `verification.read_from`, or take the setting out.',
    });
  if (may?.pause === true && may.resume) return;
  const role = quoteIdentifier(may?.role ?? '');
  const grant = `GRANT EXECUTE ON FUNCTION pg_wal_replay_pause(), pg_wal_replay_resume() TO ${role};`;
  throw new Problem(CANNOT_PAUSE, `Cannot pause the replay of ${place}: the role may not`, {
    hint: `Run on the primary, in the database that \`verification.read_from\` names: \`${grant}\`.`,
  });
}

async function pause(
  deps: VerificationDeps,
  { server, readFrom, run, signal }: StandbyRequest,
  standby: Session,
): Promise<AsyncDisposable> {
  const { clock } = deps.recovery;
  const state = await pauseState(standby);
  if (state !== 'not paused')
    throw new Problem(CANNOT_PAUSE, `Cannot pause the standby of "${server}": it is ${state}`, {
      hint: `Find out who paused it, and let it go on with \`${RESUME_SQL}\`.`,
    });
  const claimId = await run.claim({ kind: PAUSED_REPLAY, reference: { server } });
  const paused = {
    async [Symbol.asyncDispose](): Promise<void> {
      try {
        await resume(deps, readFrom, AbortSignal.timeout(RESUME_MS));
        await run.release(claimId);
      } catch (error) {
        // Its claim stays, so the sweeper tries again.
        run.log.error('A standby that was paused for a proof does not go on', {
          code: CANNOT_PAUSE.code,
          server,
          by_hand: RESUME_SQL,
          error: String(error),
        });
      }
    },
  };
  try {
    await standby.query('SELECT pg_wal_replay_pause()');
    const beganMs = clock.elapsedMs();
    while ((await pauseState(standby)) !== 'paused') {
      if (clock.elapsedMs() - beganMs > PAUSE_LIMIT_MS)
        throw new Problem(CANNOT_PAUSE, `Cannot pause the standby of "${server}": it replays on`);
      await clock.sleep(POLL_MS, { signal });
    }
    return paused;
  } catch (error) {
    await paused[Symbol.asyncDispose]();
    throw error;
  }
}

async function resume(
  { recovery: { connect } }: Pick<VerificationDeps, 'recovery'>,
  readFrom: string,
  signal: AbortSignal,
): Promise<void> {
  // A session of its own: the other is gone when the proof was cancelled.
  await using session = await connect(readFrom, { signal, applicationName: 'dbdr verify' });
  await session.query('SELECT CASE WHEN pg_is_in_recovery() THEN pg_wal_replay_resume() END');
}

async function pauseState(standby: Session): Promise<string> {
  const [row] = await standby.query<{ state: string }>(
    `SELECT CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state()
                 ELSE 'no standby any more' END AS state`,
  );
  return row?.state ?? '';
}

async function standsStillAt(standby: Session, lsn: Lsn): Promise<boolean> {
  // In this order: one that goes on between the two has moved, or has nothing to replay.
  return (await pauseState(standby)) === 'paused' && (await standingAt(standby)) === lsn;
}

async function standingAt(standby: Session): Promise<Lsn> {
  const [row] = await standby.query<{ lsn: string }>(
    'SELECT pg_last_wal_replay_lsn()::text AS lsn',
  );
  return toLsn(row?.lsn ?? '0/0');
}

/** Lets a standby go on that a dead process has left paused. */
export function pausedStandbySweeper(deps: VerificationDeps): Sweeper {
  return {
    kind: PAUSED_REPLAY,
    async sweep({ server }, { signal, log }): Promise<void> {
      const known = typeof server === 'string' ? deps.servers[server] : undefined;
      const readFrom = known?.verification.read_from;
      // One that the config does not name any more is not ours to touch.
      if (readFrom !== undefined) await resume(deps, readFrom, signal);
      else
        log.warn('A standby may have been left paused that the config does not name any more', {
          server,
          by_hand: RESUME_SQL,
        });
    },
  };
}
