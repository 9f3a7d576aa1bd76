/**
 * Reads a seventh of the log that is kept, another seventh each day. A proof replays only from its backup to
 * one position: the log between older backups would be read again by nobody until somebody needs a moment
 * in it. Each segment of a store is decrypted, unpacked and compared with the hash in its name when its part
 * has its turn (`turn-part.ts`). What was found damaged is read again first, by every proof, for as long
 * as it is bad (`damaged-log.ts`). An hour is the most it takes; what that leaves is told.
 */

import type { Step } from '../gate/operation.ts';
import { lsnBytes } from '../kernel/lsn.ts';
import { isProblem } from '../kernel/problem.ts';
import { type SegmentName, segmentPlace } from '../kernel/wal-name.ts';
import { judgeFailure, type Seen } from './checks.ts';
import { damagedBefore, forgetOtherStores, rememberDamaged } from './damaged-log.ts';
import type { VerificationDeps } from './deps.ts';
import type { Proving } from './proving.ts';
import { PARTS, partOfDay, weekOf } from './turn-part.ts';

/** The check that is about log which this backup may not need. */
export const KEPT_LOG = 'Kept log';

/** Each holds a segment, packed and unpacked. */
const LANES = 2;
const LIMIT_MS = 3_600_000;
/** Where a part is begun moves each week; prime to the parts and to any likely number of stores. */
const BEGINNINGS = 11;
const NAMED_MAX = 3;

type KeptLogProving = Pick<Proving, 'book' | 'store' | 'run'> & {
  readonly plan: Pick<Proving['plan'], 'server' | 'isNewest'> & {
    readonly base: Pick<Proving['plan']['base'], 'major' | 'systemId' | 'segmentBytes'>;
  };
  readonly deps: {
    readonly catalog: Pick<VerificationDeps['catalog'], 'findings'>;
    readonly recovery: Pick<
      Proving['deps']['recovery'],
      'clock' | 'ring' | 'storesOf' | 'walArchive'
    >;
  };
};

/** Only beside the newest backup's proof, which there is each day. */
export async function checkKeptLog(proving: KeptLogProving): Promise<void> {
  const { book, plan, run } = proving;
  if (!plan.isNewest) return;
  await run.step('Read a seventh of the kept log', async (step) =>
    book.look(KEPT_LOG, async () => readPart(proving, step)),
  );
}

async function readPart({ deps, plan, store }: KeptLogProving, step: Step): Promise<Seen> {
  const { signal } = step;
  const { server, base } = plan;
  const { major, systemId, segmentBytes } = base;
  const { clock, ring, storesOf, walArchive } = deps.recovery;
  const folder = { server, major, systemId };
  const place = { store: store.store, ring, folder, segmentBytes, signal };
  const now = clock.now();
  const remembered = { findings: deps.catalog.findings, server, store: store.name };
  await forgetOtherStores(remembered, new Set(storesOf(server).map(({ name }) => name)));
  const { contents } = await walArchive.inventory({ ...place, withContents: true });
  const names = [...(contents?.keys() ?? [])];
  const before = await damagedBefore(remembered);
  const again = names.filter((name) => before.has(name));
  const damaged = new Set<string>(again);
  const turn = names.filter((name) => !before.has(name) && isOfDay(name, segmentBytes, now));
  const part = [...again, ...turned(turn, now)];
  const untilMs = clock.elapsedMs() + LIMIT_MS;
  const troubles: Seen[] = [];
  let whole = 0;
  let begun = 0;

  async function read(name: SegmentName, into: Buffer): Promise<void> {
    try {
      // What retention has removed since is kept no more.
      if ((await walArchive.read({ ...place, name, into })) !== undefined) whole++;
      damaged.delete(name);
    } catch (error) {
      signal.throwIfAborted();
      if (!isProblem(error)) throw error;
      const seen = judgeFailure(error);
      troubles.push(seen);
      if (seen.verdict === 'FAIL') damaged.add(name);
    }
  }

  async function lane(): Promise<void> {
    const into = Buffer.allocUnsafeSlow(segmentBytes);
    while (begun < part.length && clock.elapsedMs() < untilMs) {
      const name = part[begun++];
      step.progress({ note: `${begun} of ${part.length} segments` });
      if (name !== undefined) await read(name, into);
    }
  }

  await Promise.all(Array.from({ length: LANES }, lane));
  await rememberDamaged(remembered, damaged, now);
  const seen = judgePart(troubles, { whole, segments: names.length });
  const left = part.length - begun;
  if (left === 0) return seen;
  const detail = `${left} of its ${part.length} segments not reached in an hour: ${seen.detail}`;
  return { verdict: seen.verdict === 'PASS' ? 'SKIPPED' : seen.verdict, detail };
}

/** Begun elsewhere each week, so that what an hour does not reach is reached in another. */
function turned(part: readonly SegmentName[], now: Temporal.Instant): readonly SegmentName[] {
  const turn = ((weekOf(now) % BEGINNINGS) + BEGINNINGS) % BEGINNINGS;
  const start = Math.floor((part.length * turn) / BEGINNINGS);
  return [...part.slice(start), ...part.slice(0, start)];
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
