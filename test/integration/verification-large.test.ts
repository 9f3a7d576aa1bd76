/** A large table, of which a seventh is hashed each day: equal pages pass, and one byte in them fails. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { ComparedTable } from '../../src/verification/compare.ts';
import type { VerifyResult } from '../../src/verification/result.ts';
import { damagedBy, takeChecksumsOff } from '../support/lost-rows.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type ProofSetting, proofSetting } from '../support/proof-setting.ts';

const PAGE_BYTES = 8192;
/** Eight rows a page: 75 MiB, where a table counts as large from 64 MiB on. */
const ROWS = 76_800;
let server: TestPostgres;
let setting: ProofSetting;

beforeAll(async () => {
  server = await startPostgres({ settings: { autovacuum: 'off' } });
  // Else PostgreSQL itself would see that a byte was changed.
  await takeChecksumsOff(server);
  setting = await proofSetting(server);
  await server.query(
    `CREATE TABLE large AS SELECT i AS id, repeat(md5(i::text), 29) AS words FROM generate_series(1, ${ROWS}) i`,
  );
  await server.query('VACUUM (FREEZE)');
  await setting.backUp();
});

afterAll(async () => {
  await setting[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

function large({ tables }: VerifyResult): ComparedTable {
  const [table] = tables;
  if (table === undefined) throw new Error('Nothing was compared');
  return table;
}

test("passes by the pages whose turn it is, and fails for one byte of today's seventh", async () => {
  const good = await setting.verify();

  const { pages } = large(good);
  if (pages === null) throw new Error('All of it was hashed');
  expect(good).toMatchObject({ verdict: 'PASS', mode: 'exact' });
  expect(large(good)).toMatchObject({ outcome: 'equal', restoredRows: ROWS });
  expect(large(good).restoredHash).toBe(large(good).sourceHash);
  expect(pages.toPage - pages.fromPage).toBeGreaterThan(ROWS / 8 / 7 - 2);
  expect(pages.toPage - pages.fromPage).toBeLessThan(ROWS / 8 / 7 + 200);
  expect(good.shows).toContain('Of large tables a seventh was hashed');

  const [row] = await server.query(`SELECT pg_relation_filepath('large') AS file`);
  const at = Math.floor((pages.fromPage + pages.toPage) / 2) * PAGE_BYTES + PAGE_BYTES - 100;
  const deps = damagedBy(setting.deps, async (directory) =>
    flipBit(join(directory, String(row?.['file'])), at),
  );

  const bad = await setting.verify(deps);

  expect(bad).toMatchObject({ verdict: 'FAIL', mode: 'exact' });
  expect(large(bad)).toMatchObject({ outcome: 'different', restoredRows: ROWS, pages });
  const failed = bad.checks.filter(({ verdict }) => verdict === 'FAIL');
  expect(failed.map(({ check }) => check)).toEqual(['1 largest tables']);
  expect(failed[0]?.detail).toMatch(/^large has 76,800 rows as production has, and other contents/);
});

async function flipBit(path: string, at: number): Promise<void> {
  await using file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte.writeUInt8(byte.readUInt8() ^ 1);
  await file.write(byte, 0, 1, at);
}
