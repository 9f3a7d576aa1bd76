import { expect, test } from 'vitest';

import { damagedBlocks } from '../../../../src/engines/streaming/damaged-files.ts';

function warning(message: string): { severity: string; code: string; message: string } {
  return { severity: 'WARNING', code: '01000', message };
}

test('damagedBlocks() names each file once, with its blocks, whatever the language and the number of blocks', () => {
  const notices = [
    'checksum verification failed in file "./base/5/2619", block 3: calculated 1A2B but expected 3C4D',
    'checksum verification failed in file "./base/5/2619", block 4: calculated 1A2B but expected 3C4D',
    'file "./base/5/2619" has a total of 7 checksum verification failures',
    'Prüfsummenüberprüfung fehlgeschlagen in Datei »./global/1262«, Block 0: berechnet 1, erwartet 2',
    'checksum verification failed in file "pg_tblspc/16401/PG_15_202209061/5/16402.1", block 0',
    'all required WAL segments have been archived',
  ];

  expect(damagedBlocks(notices.map(warning))).toEqual({
    'base/5/2619': [3, 4],
    'global/1262': [0],
    'pg_tblspc/16401/PG_15_202209061/5/16402.1': [],
  });
});

test('damagedBlocks() is never empty: damage that cannot be placed is damage', () => {
  expect(damagedBlocks([warning('something else')])).toEqual({ 'a file that was not named': [] });
});
