/** Tests of what a person reads at three in the morning, when the moment they asked for was passed twice. */
import { describe, expect, test } from 'vitest';

import { toLsn } from '../../../../src/kernel/lsn.ts';
import { sayBehind } from '../../../../src/recovery/point-in-time/passed-again.ts';
import type { Behind } from '../../../../src/recovery/point-in-time/read-behind.ts';
import { samplePlan } from '../../../support/restore-plan.ts';

const STANDS = { lsn: '5/30000000', at: Temporal.Instant.from('2026-11-22T09:59:58Z') };
const READING = {
  outcome: 'passed again',
  earlier: 4312,
  later: 40,
  untilLsn: toLsn('5/41230000'),
  untilAt: Temporal.Instant.from('2026-11-22T14:39:59.5Z'),
  step: {
    lsn: toLsn('5/31000000'),
    from: Temporal.Instant.from('2026-11-22T16:00:20Z'),
    to: Temporal.Instant.from('2026-11-22T10:05:20Z'),
  },
} as const;
const AGAIN = {
  outcome: 'read',
  lookedTo: toLsn('5/4A7F0120'),
  whole: true,
  reading: READING,
} as const;

describe('sayBehind()', () => {
  test('says where the copy stands, what it lacks, and the command for the other reading', () => {
    const { warnings, otherReading } = sayBehind(samplePlan(), STANDS, AGAIN);

    expect(warnings).toEqual([
      'This copy may not be the moment that you mean: the clock of shop went back by 5 h 55 min, and the target was passed more than once. ' +
        'The copy stands at the first passing, log position 5/30000000; the last transaction in it is of 2026-11-22 09:59:58 UTC. ' +
        'Behind it 4,312 transactions are earlier than the target and not in the copy; at 5/31000000 the clock went back from 2026-11-22 16:00:20 UTC to 2026-11-22 10:05:20 UTC. ' +
        'To have them, ask for the end of the last passing: `npx dbdr restore shop --to 5/41230000` (its last transaction is of 2026-11-22 14:39:59.5 UTC; 40 before it are later than the target).',
    ]);
    expect(otherReading).toEqual({
      lsn: '5/41230000',
      lacking: 4312,
      later: 40,
      clockWentBackSeconds: 21_300,
      clockWentBackAt: '5/31000000',
      command: 'npx dbdr restore shop --to 5/41230000',
    });
  });

  test('asks for the same tables again, but not for the folder that is taken now', () => {
    const plan = samplePlan({ tables: ['orders'], database: 'sales', into: '/srv/restored' });

    expect(sayBehind(plan, STANDS, AGAIN).otherReading?.command).toBe(
      'npx dbdr restore shop --to 5/41230000 --tables orders --database sales',
    );
  });

  test('fits in one note of a message, and says how far was looked when that is not all', () => {
    const told = sayBehind(samplePlan(), STANDS, { ...AGAIN, whole: false }).warnings[0] ?? '';

    expect(told).toContain('looked at up to 5/4A7F0120; what comes behind is not known.');
    expect(told.length).toBeLessThan(1000);
  });

  test('warns of nothing when the target was passed once, and says what was looked at', () => {
    const behind: Behind = { ...AGAIN, reading: { outcome: 'passed once' } };

    expect(sayBehind(samplePlan(), STANDS, behind)).toEqual({
      warnings: [],
      otherReading: null,
      checked:
        ' In the stored log behind it, looked at up to 5/4A7F0120, no transaction is earlier than the target.',
    });
    expect(sayBehind(samplePlan(), STANDS, undefined).checked).toBe('');
  });

  test('says of transactions in one instant how many, without a warning', () => {
    const step = {
      lsn: toLsn('5/30000040'),
      from: Temporal.Instant.from('2026-11-22T14:40:00.002Z'),
      to: Temporal.Instant.from('2026-11-22T14:39:59.999Z'),
    };
    const behind: Behind = { ...AGAIN, reading: { ...READING, outcome: 'same instant', step } };

    const { warnings, checked } = sayBehind(samplePlan(), STANDS, behind);

    expect(warnings).toEqual([]);
    expect(checked).toContain('4,312 transactions are by up to 3 ms earlier than the target');
  });

  test('says that it could not tell when the log could not be read', () => {
    const behind: Behind = { outcome: 'unread', why: 'Cannot open "x": no such object' };

    expect(sayBehind(samplePlan(), STANDS, behind).warnings[0]).toBe(
      'Whether the target was passed again behind 5/30000000, by a clock that went back, could not be told: Cannot open "x": no such object. Compare the copy with what you expect in it before you use it.',
    );
  });
});
