/** How far a copy may be called, whatever the order in which its parts arrive. */
import { expect, test } from 'vitest';

import type { WalObjectStored, WalStored } from '../../../src/engines/wal-archive.ts';
import { isServerName } from '../../../src/kernel/ids.ts';
import { lsnFromBytes } from '../../../src/kernel/lsn.ts';
import { MirrorPosition } from '../../../src/mirroring/position.ts';
import { isObjectKey } from '../../../src/storage/object-store.ts';

const EARLY = '2026-11-22T14:46:00.000000Z';
const LATE = '2026-11-22T14:47:00.000000Z';

function name() {
  const server = 'shop';
  if (!isServerName(server)) throw new TypeError(server);
  return server;
}

function row(lsn: number, at = EARLY) {
  const storedLsn = lsnFromBytes(BigInt(lsn));
  const place = { systemId: '73', timeline: 1, storedLsn, serverLsn: storedLsn, at };
  return { server: 'shop', store: 'here', ...place };
}

function object(from: number, to: number, timeline = 1): WalObjectStored {
  const key = 'shop/15-73/wal/x';
  if (!isObjectKey(key)) throw new TypeError(key);
  const range = { from: lsnFromBytes(BigInt(from)), to: lsnFromBytes(BigInt(to)) };
  return { server: name(), systemId: '73', timeline, key, kind: 'tail', range };
}

function told(lsn: number, at = LATE, timeline = 1): WalStored {
  const storedLsn = lsnFromBytes(BigInt(lsn));
  return { server: name(), systemId: '73', timeline, storedLsn, serverLsn: storedLsn, at };
}

test('is what the first store had when the catch-up began', () => {
  const position = new MirrorPosition();

  position.begin(row(0x100));

  expect(position.row('shop', 'west')).toMatchObject({
    store: 'west',
    storedLsn: '0/100',
    at: EARLY,
  });
});

test('goes on only without a gap, and is as of a moment only when it reaches what was told of it', () => {
  const position = new MirrorPosition();
  position.begin(row(0x100));

  position.copied(object(0x200, 0x300));
  position.told(told(0x300));
  expect(position.row('shop', 'west')).toMatchObject({ storedLsn: '0/100', at: EARLY });

  position.copied(object(0x0, 0x200));
  expect(position.row('shop', 'west')).toMatchObject({ storedLsn: '0/300', at: LATE });
  expect(position.reaches(row(0x300))).toBe(true);
  expect(position.reaches(row(0x301))).toBe(false);
});

test('says nothing where the first store has begun anew, until the log has begun', () => {
  const position = new MirrorPosition();
  position.begin(row(0));
  expect(position.row('shop', 'west')).toBeUndefined();

  position.copied(object(0x500, 0x600));
  position.told(told(0x600));

  expect(position.row('shop', 'west')).toMatchObject({ storedLsn: '0/600', at: LATE });
});

test('begins again with a new timeline, and heeds nothing that is told of the old one', () => {
  const position = new MirrorPosition();
  position.begin(row(0x900));

  position.copied(object(0x500, 0x600, 2));
  position.told(told(0x900, LATE, 1));
  expect(position.row('shop', 'west')).toBeUndefined();
  position.told(told(0x600, LATE, 2));

  expect(position.row('shop', 'west')).toMatchObject({ timeline: 2, storedLsn: '0/600' });
  expect(position.reaches(row(0x900))).toBe(false);
});
