/** Tests of what a proof point is read as: those of older manifests stay readable. */
import { expect, test } from 'vitest';

import { ProofPoint } from '../../../src/engines/proof-point.ts';
import { sampleProofPoint } from '../../support/sample-proof-point.ts';

test('ProofPoint reads one that does not say what was missed', () => {
  const point = sampleProofPoint('0/300', '0/400');
  // `undefined` is not written.
  const older = JSON.stringify(point, (name, value: unknown) =>
    name === 'missed' ? undefined : value,
  );

  expect(older).not.toContain('missed');
  expect(ProofPoint.parse(JSON.parse(older))).toEqual(point);
});

test('ProofPoint keeps why a table could not be read, and knows no other reasons', () => {
  expect(missing('denied').data?.databases[0]?.missed[0]?.why).toBe('denied');
  expect(missing('tired').success).toBe(false);
});

function missing(why: string): ReturnType<typeof ProofPoint.safeParse> {
  const point = sampleProofPoint('0/300', '0/400');
  const missed = [{ table: 'orders', why, reason: 'permission denied' }];
  return ProofPoint.safeParse({
    ...point,
    databases: point.databases.map((one) => ({ ...one, missed })),
  });
}
