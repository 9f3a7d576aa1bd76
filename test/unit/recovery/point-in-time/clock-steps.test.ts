/** Tests of a clock that went back: which transactions a recovery to a time leaves out, and how to have them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { type Lsn, lsnFromBytes } from '../../../../src/kernel/lsn.ts';
import { watchClock } from '../../../../src/recovery/point-in-time/clock-steps.ts';

const TARGET = Temporal.Instant.from('2026-11-25T14:46:00Z');

interface End {
  readonly kind: 'commit' | 'abort';
  readonly lsn: Lsn;
  readonly endLsn: Lsn;
  readonly at: Temporal.Instant;
}

/** Seconds after the target; every record is a hundred bytes. */
function log(seconds: readonly number[], kind: End['kind'] = 'commit'): readonly End[] {
  return seconds.map((after, index) => ({
    kind,
    lsn: at(index),
    endLsn: at(index + 1),
    at: TARGET.add({ milliseconds: Math.round(after * 1000) }),
  }));
}

function at(index: number): Lsn {
  return lsnFromBytes(0x1000n + BigInt(index) * 100n);
}

function read(ends: readonly End[]) {
  const watch = watchClock(TARGET);
  for (const end of ends) watch.take(end);
  return watch.answer();
}

describe('watchClock()', () => {
  test('has nothing to say when the clock only went forward', () => {
    expect(read(log([0, 1, 5, 5, 60]))).toEqual({ outcome: 'passed once' });
    expect(read([])).toEqual({ outcome: 'passed once' });
  });

  test('says so when the clock had jumped ahead and came back: what is missing, and where it went back', () => {
    const hours = [2, 2.1, -4, -3, -0.5, 0.5, 1];

    expect(read(log(hours.map((hour) => hour * 3600)))).toEqual({
      outcome: 'passed again',
      earlier: 3,
      later: 2,
      untilLsn: at(5),
      untilAt: TARGET.subtract({ minutes: 30 }),
      step: {
        lsn: at(2),
        from: TARGET.add({ minutes: 126 }),
        to: TARGET.subtract({ hours: 4 }),
      },
    });
  });

  test('tells the end of the last passing, and the largest step, when the clock went back twice', () => {
    const reading = read(log([10, -20, 30, -600, 5, 90]));

    expect(reading).toMatchObject({ outcome: 'passed again', earlier: 2, untilLsn: at(4) });
    expect(reading).toMatchObject({ later: 2, step: { lsn: at(3) } });
  });

  test('takes transactions that ended in one instant for no fault of a clock', () => {
    expect(read(log([0.002, -0.003, 0.004]))).toMatchObject({
      outcome: 'same instant',
      earlier: 1,
      untilLsn: at(2),
    });
  });

  test('counts no transaction that was rolled back: there is nothing of it to miss', () => {
    expect(read(log([10, -600, 20], 'abort'))).toEqual({ outcome: 'passed once' });
  });

  test('of any log, tells of all commits that are earlier than the target, and where the last of them ends', () => {
    const entry = fc.record({
      kind: fc.constantFrom<End['kind']>('commit', 'commit', 'abort'),
      after: fc.integer({ min: -5000, max: 5000 }),
    });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 40 }), (entries) => {
        const ends = entries.map(({ kind, after }, index) => ({
          kind,
          at: TARGET.add({ seconds: after }),
          lsn: at(index),
          endLsn: at(index + 1),
        }));
        const early = ends.filter(isEarly);
        const until = ends.findLastIndex(isEarly);
        const commits = ends.slice(0, until + 1).filter(({ kind }) => kind === 'commit').length;

        expect(read(ends)).toMatchObject(
          early.length === 0
            ? { outcome: 'passed once' }
            : { earlier: early.length, untilLsn: at(until + 1), later: commits - early.length },
        );
      }),
    );
  });
});

function isEarly(end: End): boolean {
  return end.kind === 'commit' && Temporal.Instant.compare(end.at, TARGET) < 0;
}
