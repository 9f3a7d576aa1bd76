/**
 * Reads a seventh of the log that is kept, another seventh each day. A proof replays only from its backup to
 * one position: the log between older backups would be read again by nobody until somebody needs a moment
 * in it. Each segment of a store is decrypted, unpacked and compared with the hash in its name when its part
 * has its turn (`turn-part.ts`).
 */

import { lsnBytes } from '../kernel/lsn.ts';
import { isProblem } from '../kernel/problem.ts';
import { type SegmentName, segmentPlace } from '../kernel/wal-name.ts';
import { judgeFailure, type Seen } from './checks.ts';
import type { Proving } from './proving.ts';
import { PARTS, partOfDay } from './turn-part.ts';

/** The check that is about log which this backup may not need. */
export const KEPT_LOG = 'Kept log';

/** Each holds a segment, packed and unpacked. */
const LANES = 2;
const NAMED_MAX = 3;

type KeptLogProving = Pick<Proving, 'book' | 'store' | 'run'> & {
  readonly plan: Pick<Proving['plan'], 'server' | 'isNewest'> & {
    readonly base: Pick<Proving['plan']['base'], 'major' | 'systemId' | 'segmentBytes'>;
  };
  readonly deps: {
    readonly recovery: Pick<Proving['deps']['recovery'], 'clock' | 'ring' | 'walArchive'>;
  };
};

/** Only beside the newest backup's proof, which there is each day. */
export async function checkKeptLog(proving: KeptLogProving): Promise<void> {
  const { book, plan, run } = proving;
  if (!plan.isNewest) return;
  await run.step('Read a seventh of the kept log', async ({ signal }) =>
    book.look(KEPT_LOG, async () => readPart(proving, signal)),
  );
}

async function readPart({ deps, plan, store }: KeptLogProving, signal: AbortSignal): Promise<Seen> {
  const { server, base } = plan;
  const { major, systemId, segmentBytes } = base;
  const { clock, ring, walArchive } = deps.recovery;
  const folder = { server, major, systemId };
  const place = { store: store.store, ring, folder, segmentBytes, signal };
  const now = clock.now();
  const { contents } = await walArchive.inventory({ ...place, withContents: true });
  const names = [...(contents?.keys() ?? [])];
  const part = names.filter((name) => isOfDay(name, segmentBytes, now));
  const next = part.values();
  const troubles: Seen[] = [];
  let whole = 0;

  async function lane(): Promise<void> {
    for (const name of next) {
      try {
        // What retention has removed since is kept no more.
        if ((await walArchive.prove({ ...place, name })) === 'whole') whole++;
      } catch (error) {
        signal.throwIfAborted();
        if (!isProblem(error)) throw error;
        troubles.push(judgeFailure(error));
      }
    }
  }

  await Promise.all(Array.from({ length: LANES }, lane));
  return judgePart(troubles, { whole, segments: names.length });
}

interface PartRead {
  readonly whole: number;
  /** All that are kept. */
  readonly segments: number;
}

function judgePart(troubles: readonly Seen[], { whole, segments }: PartRead): Seen {
  const damaged = troubles.filter(({ verdict }) => verdict === 'FAIL');
  const worst = damaged.length > 0 ? damaged : troubles;
  const [first] = worst;
  const read = `${whole} of ${segments} segments read, a seventh each day`;
  if (first === undefined)
    return { verdict: 'PASS', detail: `${read}, and they hold what their names say` };
  const told = worst.slice(0, NAMED_MAX).map(({ detail }) => detail);
  const more = worst.length > NAMED_MAX ? `, and ${worst.length - NAMED_MAX} more` : '';
  return { verdict: first.verdict, detail: `${told.join('; ')}${more} (${read})` };
}

/** Whether it is read on that day of UTC. Pure. */
function isOfDay(name: SegmentName, segmentBytes: number, now: Temporal.Instant): boolean {
  const { beginLsn } = segmentPlace(name, segmentBytes);
  const number = lsnBytes(beginLsn) / BigInt(segmentBytes);
  return number % BigInt(PARTS) === BigInt(partOfDay(now));
}
