/** Stored log whose end does not stay as it was: what a restore reads there differs from look to look. */
import type { WalArchive } from '../../src/engines/wal-archive.ts';
import { type Lsn, lsnBytes } from '../../src/kernel/lsn.ts';
import { segmentNameAt } from '../../src/kernel/wal-name.ts';
import type { Session } from '../../src/postgres/session.ts';
import type { TestRecovery } from './recovery-deps.ts';
import { waitUntil } from './wait-until.ts';

/** It is noticed that the log ends once PostgreSQL has come for the same again and again. */
const NOTICED_AFTER = 3;

type ReadRequest = Parameters<WalArchive['read']>[0];

/**
 * Ends at `end` until the copy is asked to pause. The pause is held back until PostgreSQL has come for
 * more, and what it comes for until the pause is asked: it reads on, and pauses before it applies it.
 */
export function logThatGrowsAtPause(
  deps: TestRecovery,
  end: Lsn,
): Pick<TestRecovery, 'connect' | 'walArchive'> {
  let pausing = false;
  const cameForMore = Promise.withResolvers<void>();
  const pauseAsked = Promise.withResolvers<void>();
  async function connect(...given: Parameters<TestRecovery['connect']>): Promise<Session> {
    const session = await deps.connect(...given);
    const query = session.query.bind(session);
    return Object.assign(session, {
      query: async (...statement: Parameters<Session['query']>) => {
        if (!statement[0].includes('pg_wal_replay_pause()')) return query(...statement);
        pausing = true;
        await cameForMore.promise;
        const answer = await query(...statement);
        pauseAsked.resolve();
        await waitUntil(async () => {
          const [state] = await query<{ is: string }>(
            'SELECT pg_get_wal_replay_pause_state() AS is',
          );
          return state?.is === 'paused';
        });
        return answer;
      },
    });
  }
  async function read(request: ReadRequest): Promise<Buffer | undefined> {
    const { name, segmentBytes } = request;
    const content = await deps.walArchive.read(request);
    if (name !== segmentNameAt(1, end, segmentBytes)) return content;
    if (pausing) {
      cameForMore.resolve();
      await pauseAsked.promise;
      return content;
    }
    return content?.fill(0, Number(lsnBytes(end) % BigInt(segmentBytes)));
  }
  return { connect, walArchive: { ...deps.walArchive, read } };
}

/** The store is slow to say that it has no more than `end`, from when that can have been noticed on. */
export function endThatHangs(deps: TestRecovery, end: Lsn): Pick<TestRecovery, 'walArchive'> {
  let times = 0;
  async function read(request: ReadRequest): Promise<Buffer | undefined> {
    if (request.name === segmentNameAt(1, end, request.segmentBytes)) times += 1;
    if (times > NOTICED_AFTER) await aborted(request.signal);
    return await deps.walArchive.read(request);
  }
  return { walArchive: { ...deps.walArchive, read } };
}

/** More than `kept` of its segment was stored once, and cannot be read any more. */
export function endThatIsLost(deps: TestRecovery, kept: Lsn): Pick<TestRecovery, 'walArchive'> {
  async function read(request: ReadRequest): Promise<Buffer | undefined> {
    const content = await deps.walArchive.read(request);
    if (request.name !== segmentNameAt(1, kept, request.segmentBytes)) return content;
    return content?.subarray(0, Number(lsnBytes(kept) % BigInt(request.segmentBytes)));
  }
  return { walArchive: { ...deps.walArchive, read } };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}
