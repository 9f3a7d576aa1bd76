/** Up to where the log belongs to a backup. */
import { expect, test } from 'vitest';

import { ownLogEnd } from '../../../src/engines/own-log.ts';
import { toLsn } from '../../../src/kernel/lsn.ts';

test('ownLogEnd() is where the copy is consistent, for a backup without a proof point', () => {
  expect(ownLogEnd({ endLsn: '0/9000100' })).toBe('0/9000100');
  expect(ownLogEnd({ endLsn: '0/9000100', proofLsn: undefined })).toBe('0/9000100');
});

test('ownLogEnd() is behind the proof point, as a number and not as a text', () => {
  const summary = { endLsn: toLsn('0/9000100'), proofLsn: toLsn('0/10000000') };

  expect(ownLogEnd(summary)).toBe('0/10000000');
});

test('ownLogEnd() never lies before the end of the backup, whatever the proof point says', () => {
  expect(ownLogEnd({ endLsn: '0/9000100', proofLsn: '0/9000028' })).toBe('0/9000100');
});
