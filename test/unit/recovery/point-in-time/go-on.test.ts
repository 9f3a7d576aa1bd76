/** Tests of where a copy that went on may stand. */
import { expect, test } from 'vitest';

import { toLsn } from '../../../../src/kernel/lsn.ts';
import { assertStandsAt } from '../../../../src/recovery/point-in-time/go-on.ts';

const LSN = toLsn('0/2000028');

function stand(lsn: string, how: 'target' | 'end of log'): () => void {
  return () => assertStandsAt({ reached: { lsn: toLsn(lsn), at: null }, how }, LSN);
}

test('assertStandsAt() takes the position, and the end of the page before it', () => {
  expect(stand('0/2000028', 'target')).not.toThrow();
  expect(stand('0/2000028', 'end of log')).not.toThrow();
  expect(stand('0/2000000', 'end of log')).not.toThrow();
});

test('assertStandsAt() refuses a copy that went further, or whose log ended before', () => {
  expect(stand('0/2000060', 'target')).toThrow('it went on to 0/2000060');
  expect(stand('0/1FFFFD8', 'end of log')).toThrow('the stored log ends at 0/1FFFFD8');
});
