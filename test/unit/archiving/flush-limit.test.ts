/** Up to where the server may forget its log, while other stores come and go. */
import { describe, expect, test } from 'vitest';

import { FlushLimit } from '../../../src/archiving/flush-limit.ts';
import type { WalProgressRecord } from '../../../src/catalog/records.ts';
import type { WalStored } from '../../../src/engines/wal-archive.ts';
import { isServerName } from '../../../src/kernel/ids.ts';
import { lsnFromBytes } from '../../../src/kernel/lsn.ts';
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts';

const MINUTE_MS = 60_000;
const ROOM = { hasLittleRoom: false };
const LITTLE_ROOM = { hasLittleRoom: true };

function row(store: string, lsn: number, rest: Partial<WalProgressRecord> = {}): WalProgressRecord {
  const storedLsn = lsnFromBytes(BigInt(lsn));
  const at = '2026-11-22T14:46:00.000000Z';
  const place = { systemId: '73', timeline: 1, storedLsn, serverLsn: storedLsn, at };
  return { server: 'shop', store, ...place, ...rest };
}

function stored(lsn: number, timeline = 1): WalStored {
  const server = 'shop';
  if (!isServerName(server)) throw new TypeError(server);
  const storedLsn = lsnFromBytes(BigInt(lsn));
  const at = '2026-11-22T14:46:00.000000Z';
  return { server, systemId: '73', timeline, storedLsn, serverLsn: storedLsn, at };
}

function level(clock: FakeClock): FlushLimit {
  const others = new Map([['west', row('west', 100)]]);
  const limit = new FlushLimit({ first: row('here', 100), others, clock });
  limit.told(stored(100));
  limit.seen('west', row('west', 100), ROOM);
  return limit;
}

describe('FlushLimit', () => {
  test('never calls a store level that it knows nothing of', () => {
    const clock = fakeClock();
    const others = new Map([['west', undefined]]);
    const limit = new FlushLimit({ first: row('here', 100), others, clock });

    expect(limit.seen('west', undefined, ROOM)).toBeUndefined();
    limit.told(stored(200));
    expect(limit.seen('west', undefined, ROOM)).toBeUndefined();

    expect(limit.counts('west')).toBe(false);
  });

  test('is the least of what the other stores have', () => {
    const clock = fakeClock();
    const rows = ['west', 'east'].map((store) => [store, row(store, 100)] as const);
    const limit = new FlushLimit({ first: row('here', 100), others: new Map(rows), clock });
    limit.told(stored(300));

    limit.seen('west', row('west', 250), ROOM);
    limit.seen('east', row('east', 200), ROOM);

    expect(limit.limit(1)).toBe(200n);
  });

  test('waits for a store that has failed for less than a quarter of an hour, and then no more', async () => {
    const clock = fakeClock();
    const limit = level(clock);
    await clock.advance(MINUTE_MS);
    limit.told(stored(200));

    await clock.advance(15 * MINUTE_MS - 1);
    expect(limit.seen('west', row('west', 100), ROOM)).toBeUndefined();
    expect(limit.limit(1)).toBe(100n);

    await clock.advance(1);
    expect(limit.seen('west', row('west', 100), ROOM)).toBe('too long');
    expect(limit.limit(1)).toBeUndefined();
    expect(limit.seen('west', row('west', 100), ROOM)).toBeUndefined();
  });

  test('leaves out at once what is behind while the slot has little room, but nothing that is level', async () => {
    const clock = fakeClock();
    const limit = level(clock);
    await clock.advance(MINUTE_MS);
    expect(limit.seen('west', row('west', 100), LITTLE_ROOM)).toBeUndefined();
    limit.told(stored(200));

    await clock.advance(MINUTE_MS - 1);
    expect(limit.seen('west', row('west', 100), LITTLE_ROOM)).toBeUndefined();
    await clock.advance(1);

    expect(limit.seen('west', row('west', 100), LITTLE_ROOM)).toBe('little room');
    expect(limit.counts('west')).toBe(false);
  });

  test('counts a store again once it is level, and not while it still catches up', async () => {
    const clock = fakeClock();
    const limit = level(clock);
    for (let lsn = 200; lsn <= 2200; lsn += 100) {
      await clock.advance(MINUTE_MS);
      limit.told(stored(lsn));
      limit.seen('west', row('west', 100), ROOM);
    }
    expect(limit.counts('west')).toBe(false);

    expect(limit.seen('west', row('west', 2000), ROOM)).toBeUndefined();
    await clock.advance(MINUTE_MS);
    expect(limit.seen('west', row('west', 2100), ROOM)).toBeUndefined();
    expect(limit.seen('west', row('west', 2200), ROOM)).toBe('counts again');
    expect(limit.limit(1)).toBe(2200n);
  });

  test('never lets the server forget by what a store has of another timeline or cluster', () => {
    const clock = fakeClock();
    const limit = level(clock);
    limit.told(stored(300, 2));

    limit.seen('west', row('west', 900), ROOM);
    expect(limit.limit(2)).toBe(0n);
    limit.seen('west', row('west', 900, { systemId: '99', timeline: 2 }), ROOM);
    expect(limit.limit(2)).toBe(0n);
    limit.seen('west', row('west', 250, { timeline: 2 }), ROOM);
    expect(limit.limit(2)).toBe(250n);
  });

  test('does not wait again, after a start, for a store that was left out before', () => {
    const clock = fakeClock();
    const first = row('here', 900);
    const late = row('west', 100, { at: '2026-11-22T14:31:00.000000Z' });
    const others = new Map([
      ['west', late],
      ['east', undefined],
      ['north', row('north', 800)],
    ]);

    const limit = new FlushLimit({ first, others, clock });

    expect(['west', 'east', 'north'].map((store) => limit.counts(store))).toEqual([
      false,
      false,
      true,
    ]);
  });
});
