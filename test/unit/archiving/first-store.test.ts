/** Which failures of the first store are a finding, and what it says. */
import { expect, test } from 'vitest';

import { noteStore, storeAnswers } from '../../../src/archiving/first-store.ts';
import { KEY_NOT_FOUND } from '../../../src/encryption/problems.ts';
import { Problem } from '../../../src/kernel/problem.ts';
import {
  BUCKET_ELSEWHERE,
  BUCKET_MISSING,
  CLOCK_SKEWED,
  CREDENTIALS_REFUSED,
  LOCK_UNAVAILABLE,
  STORE_DENIED,
} from '../../../src/storage/problems.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { testServerName } from '../../support/folder-archive.ts';
import { type KeptFindings, keptFindings } from '../../support/kept-findings.ts';

const SERVER = { name: testServerName('shop'), storeName: 'west' };

async function noted(
  problem: Problem,
  server: Parameters<typeof noteStore>[1] = SERVER,
): Promise<KeptFindings> {
  const findings = keptFindings();
  await noteStore(problem, server, { catalog: { findings }, clock: fakeClock() });
  return findings;
}

test.each([
  BUCKET_MISSING,
  BUCKET_ELSEWHERE,
  STORE_DENIED,
  CREDENTIALS_REFUSED,
  LOCK_UNAVAILABLE,
  CLOCK_SKEWED,
])(
  'a store that answers $code is a finding that wakes somebody, with the reason and the next step',
  async (kind) => {
    const told = 'Cannot write "shop/1" in the store "s3://backups": it is not as it should be';
    const findings = await noted(new Problem(kind, told, { hint: `Put it right: ${kind.hint}` }));

    expect(await findings.list('shop')).toEqual([
      {
        code: 'ARCHIVING_STORE_FAILING',
        server: 'shop',
        severity: 'page',
        summary: `The store "west" does not take the log of shop, which stays on the server's disk meanwhile: ${told}`,
        hint: `Put it right: ${kind.hint}`,
        since: '2026-11-22T14:46:00.000000Z',
      },
    ]);
    await storeAnswers(SERVER, { catalog: { findings } });
    expect(findings.told).toEqual([]);
  },
);

test('with a second store it says how that one takes the place of the first', async () => {
  const otherStores = [{ name: 'east' }];
  const findings = await noted(new Problem(BUCKET_MISSING, 'It is gone'), {
    ...SERVER,
    otherStores,
  });

  const [finding] = await findings.list('shop');
  expect(JSON.stringify(finding)).toMatch(/name \\"east\\" first in `servers\.shop\.stores`/);
});

test('what no store has said is not told of one', async () => {
  const findings = await noted(new Problem(KEY_NOT_FOUND, 'There is no such key'));

  expect(findings.told).toEqual([]);
});
