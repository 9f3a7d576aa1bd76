/**
 * A server that changes under the backup's hands: files appear, grow, shrink and vanish while they are
 * copied. What is restored is what production holds, to the row.
 */
import { expect, test } from 'vitest';

import { removeInstance } from '../../src/recovery/instances.ts';
import { restoreOperation } from '../../src/recovery/restore-operation.ts';
import { databaseContent } from '../support/database-content.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { proofSetting } from '../support/proof-setting.ts';
import { testRun } from '../support/test-run.ts';

const { signal } = new AbortController();

/** One turn of what migrations and nightly jobs do. */
async function change(server: TestPostgres, turn: number): Promise<void> {
  await server.query(
    `CREATE TABLE passing_${turn} AS SELECT i AS id, md5(i::text) AS note FROM generate_series(1, 500) i;
     CREATE INDEX ON passing_${turn} (note);
     INSERT INTO growing SELECT i, repeat(md5(i::text), 4) FROM generate_series(1, 2000) i;
     TRUNCATE shrinking;
     INSERT INTO shrinking SELECT i, md5(i::text) FROM generate_series(1, 300) i;
     UPDATE orders SET address = md5(address) WHERE id % 50 = ${turn % 50}`,
  );
  if (turn % 3 === 0) await server.query('VACUUM FULL growing');
  if (turn > 2) await server.query(`DROP TABLE passing_${turn - 2}`);
}

/** Changes until it is stopped; answers how often. */
function changing(server: TestPostgres): { stop(): Promise<number> } {
  const stopped = new AbortController();
  async function turns(): Promise<number> {
    let turn = 0;
    while (!stopped.signal.aborted) await change(server, ++turn);
    return turn;
  }
  const running = turns();
  return {
    stop: async () => {
      stopped.abort();
      return await running;
    },
  };
}

test('files that appear, grow, shrink and vanish during the copy come back as production has them', async () => {
  await using server = await startPostgres();
  await server.query(
    `CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS address FROM generate_series(1, 100000) i;
     CREATE TABLE growing (id int, note text);
     CREATE TABLE shrinking AS SELECT i AS id, repeat(md5(i::text), 9) AS note FROM generate_series(1, 40000) i`,
  );
  await using setting = await proofSetting(server);
  const writer = changing(server);

  await setting.backUp();
  const turns = await writer.stop();

  expect(turns).toBeGreaterThan(3);
  const expected = await databaseContent((sql) => server.query(sql));
  await setting.archive();
  const restore = restoreOperation(setting.deps.recovery);
  const { actor } = testRun();
  const { plan } = await restore.prepare({ to: 'latest', tables: [] }, { actor, signal });
  const { instance } = await restore.run(plan, testRun());
  await using copy = await setting.deps.recovery.connect(instance.url, { signal });
  expect(await databaseContent((sql) => copy.query(sql))).toEqual(expected);
  const proof = await setting.verify();
  expect(proof.checks.filter(({ verdict }) => verdict !== 'PASS')).toEqual([]);
  for (const record of await setting.catalog.instances.list())
    await removeInstance(setting.deps.recovery, record);
});
