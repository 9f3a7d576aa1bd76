/** Tests of reading where somebody wants to go back to. */
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { readTarget } from '../../../src/recovery/target.ts';

const NOW = Temporal.Instant.from('2026-11-22T14:57:00Z');
const BERLIN = { zone: 'Europe/Berlin', now: NOW };

test('readTarget() reads a bare time in the zone of whoever asks', () => {
  expect(readTarget('15:46', BERLIN)).toEqual({
    outcome: 'target',
    target: { kind: 'time', asked: '15:46', at: '2026-11-22T14:46:00.000000Z' },
  });
});

test('readTarget() keeps microseconds', () => {
  const reading = readTarget('2026-11-22T14:42:31.118006Z', BERLIN);

  expect(reading).toMatchObject({ target: { at: '2026-11-22T14:42:31.118006Z' } });
});

test.each([
  ['latest', { kind: 'latest' }],
  [' LATEST ', { kind: 'latest' }],
  ['5/3a91f228', { kind: 'lsn', lsn: '5/3A91F228' }],
  ['xid:1184023', { kind: 'xid', xid: '1184023' }],
])('readTarget() reads "%s"', (asked, target) => {
  expect(readTarget(asked, BERLIN)).toMatchObject({ outcome: 'target', target });
});

test.each(['', 'yesterday', '14:60', '25:00', 'xid:', 'xid:2', 'xid:99999999999', '5/', 'xid:-4'])(
  'readTarget() cannot read "%s", and does not guess',
  (asked) => {
    expect(readTarget(asked, BERLIN)).toEqual({ outcome: 'unreadable' });
  },
);

test('readTarget() gives both readings of an hour that happened twice', () => {
  expect(readTarget('2026-10-25 02:30', BERLIN)).toEqual({
    outcome: 'twice',
    first: Temporal.Instant.from('2026-10-25T00:30:00Z'),
    second: Temporal.Instant.from('2026-10-25T01:30:00Z'),
  });
});

test('readTarget() says that an hour never happened', () => {
  expect(readTarget('2026-03-29 02:30', BERLIN)).toMatchObject({ outcome: 'never' });
});

test('readTarget() refuses what is still to come', () => {
  expect(readTarget('2026-11-22T14:57:00.000001Z', BERLIN)).toMatchObject({ outcome: 'future' });
});

test('readTarget() reads back every moment of the past, to the microsecond, from any zone', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: NOW.epochNanoseconds / 1000n }),
      fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'America/Sao_Paulo'),
      (microseconds, zone) => {
        const at = Temporal.Instant.fromEpochNanoseconds(microseconds * 1000n);
        const asked = at.toZonedDateTimeISO(zone).toString({ timeZoneName: 'never' });

        const reading = readTarget(asked, { zone, now: NOW });

        if (reading.outcome !== 'target' || reading.target.kind !== 'time') throw new Error(asked);
        expect(Temporal.Instant.from(reading.target.at).equals(at)).toBe(true);
      },
    ),
  );
});
