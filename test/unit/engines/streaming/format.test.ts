import { expect, test } from 'vitest';

import {
  backupIdInstant,
  manifestKey,
  packKey,
  packName,
  parseBackupKey,
} from '../../../../src/engines/streaming/format.ts';
import { backupIdAt, isServerName } from '../../../../src/kernel/ids.ts';

const AT = Temporal.Instant.from('2026-11-22T01:00:00Z');
const ID = backupIdAt(AT);

test('keys of a backup name cluster, backup and object, and can be read back', () => {
  const server = 'shop';
  if (!isServerName(server)) throw new TypeError(server);
  const folder = { server, major: 15, systemId: '7341' };

  const pack = packKey(folder, ID, packName(1));

  expect(pack).toBe('shop/15-7341/base/20261122T010000Z/pack-0001');
  expect(parseBackupKey(pack)).toEqual({ folder: 'shop/15-7341', backupId: ID, name: 'pack-0001' });
  expect(parseBackupKey(manifestKey(folder, ID))?.name).toBe('manifest');
  expect(packName(12_345)).toBe('pack-12345');
});

test.each([
  'shop/15-7341/wal/00000001/000000010000000000000001-abc',
  'shop/15-7341/base/20261122T010000Z/notes.txt',
  'shop/15-7341/base/latest/manifest',
  'shop/15-7341/base/20261122T010000Z/manifest/x',
])('parseBackupKey() leaves "%s" alone', (key) => {
  expect(parseBackupKey(key)).toBeUndefined();
});

test('backupIdInstant() is the second the id names', () => {
  expect(backupIdInstant(ID).equals(AT)).toBe(true);
});
