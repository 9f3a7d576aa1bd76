/** An older backup is proved against what production held when it was taken, whatever became of production since. */
import { expect, test } from 'vitest';

import { backupOperation } from '../../src/backup/backup-operation.ts';
import { verifyOperation } from '../../src/verification/operation.ts';
import { takeProofPoint } from '../../src/verification/proof-point.ts';
import { proofWords } from '../../src/verification/words.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type ProofSetting, proofSetting } from '../support/proof-setting.ts';
import { testRun } from '../support/test-run.ts';

const { signal } = new AbortController();
const { actor } = testRun();

async function backUp({ deps, catalog }: ProofSetting, server: TestPostgres): Promise<void> {
  const { recovery, servers } = deps;
  const operation = backupOperation({
    ...recovery,
    catalog,
    servers: { shop: { ...servers['shop'], url: server.url(), archiving: { tail_seconds: 1 } } },
    takeProofPoint: async (request) => takeProofPoint(deps, request),
  });
  const { plan } = await operation.prepare({}, { actor, signal });
  await operation.run(plan, testRun());
}

test('an older backup is proved exactly, without production, and promises nothing of today', async () => {
  await using server = await startPostgres();
  await server.query('CREATE TABLE orders AS SELECT i AS id FROM generate_series(1, 3000) i');
  await using setting = await proofSetting(server, { verification: { proof_point_seconds: 60 } });
  await backUp(setting, server);
  await server.query('DROP TABLE orders');
  await backUp(setting, server);
  await server.stop();
  const verify = verifyOperation(setting.deps);
  const input = { older: true };

  const { plan } = await verify.prepare(input, { actor, signal });
  const result = await verify.run(plan, testRun());

  expect(result.checks.filter(({ verdict }) => !['PASS', 'SKIPPED'].includes(verdict))).toEqual([]);
  expect(result).toMatchObject({
    verdict: 'PASS',
    mode: 'exact',
    isNewest: false,
    isProofPoint: true,
    tables: [{ table: 'orders', sourceRows: 3000, restoredRows: 3000, equal: true }],
  });
  expect(result.title).toMatch(/^The backup of \S+ \S+ UTC of shop is restorable$/);
  expect(result.which).toMatch(/^kept as daily of \S+, never proved$/);
  expect(proofWords(result)?.opening).toContain('when the backup was taken');
});
