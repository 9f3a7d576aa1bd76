/** Tests of the position that a snapshot stands for, over generated orders of commits. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { lsnFromBytes, toLsn } from '../../../src/kernel/lsn.ts';
import { parseSnapshot, sees, type TransactionSnapshot } from '../../../src/postgres/snapshot.ts';
import { findPosition, type Position, standsAt } from '../../../src/verification/position.ts';

interface Commit {
  readonly xid: bigint;
  readonly lsn: bigint;
}

/** One server's day: commits stand in the log in one order, and become visible in another. */
interface Day {
  readonly snapshot: TransactionSnapshot;
  readonly commits: readonly Commit[];
  readonly visible: ReadonlySet<bigint>;
  readonly lastXid: bigint;
}

type Deed = { readonly kind: 'begin' | 'write' | 'leave' | 'look'; readonly which: number };

const deed: fc.Arbitrary<Deed> = fc.record({
  kind: fc.constantFrom('begin', 'begin', 'write', 'write', 'leave', 'leave', 'look'),
  which: fc.nat(7),
});

/** Plays the deeds as PostgreSQL does: a commit is written first, then its transaction leaves the list. */
function play(firstXid: bigint, deeds: readonly Deed[], isHasty: boolean): Day {
  const [running, written]: [bigint[], bigint[]] = [[], []];
  const [commits, gone]: [Commit[], bigint[]] = [[], []];
  let nextXid = firstXid;
  let taken: { snapshot: TransactionSnapshot; visible: ReadonlySet<bigint> } | undefined;
  function leave(which: number): void {
    const [xid] = written.splice(which % Math.max(1, written.length), 1);
    if (xid !== undefined) gone.push(xid);
  }
  function write(which: number): void {
    const [xid] = running.splice(which % Math.max(1, running.length), 1);
    if (xid === undefined) return;
    commits.push({ xid, lsn: BigInt(commits.length + 1) * 100n });
    written.push(xid);
    if (isHasty) leave(written.length - 1);
  }
  function look(): void {
    const latest = gone.reduce((a, b) => (a > b ? a : b), firstXid - 1n);
    const xmax = latest + 1n;
    const inProgress = new Set([...running, ...written].filter((xid) => xid < xmax));
    const xmin = [...inProgress].reduce((a, b) => (a < b ? a : b), xmax);
    taken = { snapshot: { xmin, xmax, inProgress }, visible: new Set(gone) };
  }
  for (const { kind, which } of deeds) {
    if (kind === 'begin') running.push(nextXid++);
    if (kind === 'write') write(which);
    if (kind === 'leave') leave(which);
    if (kind === 'look' && taken === undefined) look();
  }
  if (taken === undefined) look();
  const lastXid = nextXid++;
  running.push(lastXid);
  write(running.length - 1);
  if (taken === undefined) throw new Error('Somebody looked');
  return { ...taken, commits, lastXid };
}

function positionOf({ snapshot, commits, lastXid }: Day): Position {
  const finder = findPosition(snapshot, lastXid);
  for (const { xid, lsn } of commits) {
    const end = { kind: 'commit', xid: Number(xid % 2n ** 32n), lsn: lsnFromBytes(lsn) } as const;
    if (!finder.take(end)) break;
  }
  return finder.answer();
}

/** Also where numbers of 32 bits begin anew. */
const firstXids = fc.constantFrom(700n, 2n ** 32n - 3n, 5n * 2n ** 32n + 12n);
const days = fc.array(deed, { maxLength: 60 });

describe('findPosition()', () => {
  test('answers a position before which stands exactly what the snapshot sees, or none', () => {
    fc.assert(
      fc.property(firstXids, days, (firstXid, deeds) => {
        const day = play(firstXid, deeds, false);
        const position = positionOf(day);
        const seen = day.commits.map(({ xid }) => day.visible.has(xid));
        const isPrefix = !seen.slice(seen.indexOf(false)).includes(true);

        expect(position.outcome).toBe(isPrefix ? 'exact' : 'not a prefix');
        if (position.outcome !== 'exact') return;
        const before = day.commits.filter(({ lsn }) => lsnFromBytes(lsn) !== position.lsn);
        const first = day.commits.find(({ lsn }) => lsnFromBytes(lsn) === position.lsn);
        const replayed = before.filter(({ lsn }) => lsn < (first?.lsn ?? 0n));
        expect(new Set(replayed.map(({ xid }) => xid))).toEqual(day.visible);
      }),
      { numRuns: 500 },
    );
  });

  test('always finds one where every commit becomes visible as it is written', () => {
    fc.assert(
      fc.property(firstXids, days, (firstXid, deeds) => {
        expect(positionOf(play(firstXid, deeds, true)).outcome).toBe('exact');
      }),
    );
  });

  test('does not know before the commit that ends it was read', () => {
    const snapshot = parseSnapshot('10:12:10');
    const finder = findPosition(snapshot, 12n);

    finder.take({ kind: 'commit', xid: 10, lsn: toLsn('0/100') });

    expect(finder.answer()).toEqual({ outcome: 'log ends first' });
  });

  test('passes aborts over: nobody ever sees them', () => {
    const finder = findPosition(parseSnapshot('10:12:10'), 12n);

    finder.take({ kind: 'abort', xid: 10, lsn: toLsn('0/100') });
    finder.take({ kind: 'commit', xid: 11, lsn: toLsn('0/200') });
    finder.take({ kind: 'commit', xid: 12, lsn: toLsn('0/300') });

    expect(finder.answer()).toEqual({ outcome: 'exact', lsn: '0/300' });
  });
});

describe('sees()', () => {
  test('reads numbers of the log across a wraparound', () => {
    const snapshot = parseSnapshot('4294967290:4294967300:4294967291,4294967298');

    expect([4294967289, 4294967290, 4294967292, 1, 3].map((xid) => sees(snapshot, xid))).toEqual([
      true,
      true,
      true,
      true,
      true,
    ]);
    expect([4294967291, 2, 4, 5].map((xid) => sees(snapshot, xid))).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });
});

test('findPosition() asks for another snapshot when a commit does not tell its number', () => {
  const snapshot = parseSnapshot('700:705:');
  const finder = findPosition(snapshot, 705n);

  expect(finder.take({ kind: 'abort', xid: undefined, lsn: toLsn('0/100') })).toBe(true);
  expect(finder.take({ kind: 'commit', xid: undefined, lsn: toLsn('0/200') })).toBe(false);
  expect(finder.answer()).toEqual({ outcome: 'not a prefix' });
});

describe('standsAt()', () => {
  test('takes the header of a page for nothing', () => {
    expect(standsAt(toLsn('0/2000'), toLsn('0/2018'))).toBe(true);
    expect(standsAt(toLsn('0/2000'), toLsn('0/2028'))).toBe(true);
    expect(standsAt(toLsn('0/2010'), toLsn('0/2010'))).toBe(true);
  });

  test('refuses a copy that stands anywhere else', () => {
    expect(standsAt(toLsn('0/2000'), toLsn('0/2030'))).toBe(false);
    expect(standsAt(toLsn('0/2010'), toLsn('0/2028'))).toBe(false);
    expect(standsAt(toLsn('0/2030'), toLsn('0/2010'))).toBe(false);
  });
});
