/** Pages of a copy that are damaged on disk: whoever reads them, they must be found and named. */
import { afterAll, beforeAll, expect, test } from 'vitest';

import { connect } from '../../src/postgres/connect.ts';
import type { Programs } from '../../src/postgres/programs.ts';
import type { Check } from '../../src/verification/checks.ts';
import type { VerificationDeps } from '../../src/verification/deps.ts';
import type { VerifyResult } from '../../src/verification/result.ts';
import { damagedBy, damagePage } from '../support/lost-rows.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type ProofSetting, proofSetting } from '../support/proof-setting.ts';

let server: TestPostgres;
let setting: ProofSetting;

beforeAll(async () => {
  server = await startPostgres({ settings: { autovacuum: 'off' } });
  // One table is compared, the others are not.
  setting = await proofSetting(server, { verification: { tables: 1 } });
  await server.query(
    'CREATE TABLE large AS SELECT i AS id, md5(i::text) AS words FROM generate_series(1, 5000) i',
  );
  await server.query('CREATE TABLE little AS SELECT i AS id FROM generate_series(1, 300) i');
  // pg_amcheck reads no such index.
  await server.query('CREATE INDEX little_hash ON little USING hash (id)');
  await server.query('CREATE DATABASE crm');
  {
    await using crm = await connect(server.url('crm'), { signal: AbortSignal.timeout(60_000) });
    await crm.query('CREATE TABLE deals AS SELECT i AS id FROM generate_series(1, 300) i');
    await crm.query('VACUUM (FREEZE)');
  }
  await server.query('VACUUM (FREEZE)');
  await setting.backUp();
});

afterAll(async () => {
  await setting[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

async function verifyDamaged(relation: string): Promise<{ result: VerifyResult; file: string }> {
  const [row] = await server.query(`SELECT pg_relation_filepath('${relation}') AS file`);
  const file = String(row?.['file']);
  const deps = damagedBy(setting.deps, async (directory) => damagePage(directory, file, 0));
  return { result: await setting.verify(deps), file };
}

/** Means of a machine that lacks a program. */
function without(program: string): VerificationDeps {
  const { programs } = server;
  const few: Programs = {
    ...programs,
    path: (name) => (name === program ? undefined : programs.path(name)),
  };
  return { ...setting.deps, recovery: { ...setting.deps.recovery, programsFor: async () => few } };
}

function check(result: VerifyResult, name: string): Check {
  const found = result.checks.find((one) => one.check === name);
  if (found === undefined) throw new Error(`No check ${name} in ${JSON.stringify(result.checks)}`);
  return found;
}

function sentence(result: VerifyResult, name: string): string {
  const { verdict, detail } = check(result, name);
  return `${verdict}: ${detail}`;
}

test('fails for a damaged page of a table that was not compared, and names it twice', async () => {
  const { result, file } = await verifyDamaged('little');

  expect(result.verdict).toBe('FAIL');
  expect(sentence(result, 'Indexes and pages')).toMatch(
    /^FAIL: pg_amcheck: heap table postgres\.public\.little: invalid page in block 0/,
  );
  expect(check(result, 'Page checksums')).toMatchObject({
    verdict: 'FAIL',
    detail: `1 page with a wrong checksum: ${file} block 0`,
  });
  expect(result.tornDown).toBe(true);
});

test('fails for a damaged page that nothing but its checksum tells of', async () => {
  const { result, file } = await verifyDamaged('little_hash');

  expect(
    result.checks.filter(({ verdict }) => verdict === 'FAIL').map(({ check: name }) => name),
  ).toEqual(['Page checksums']);
  expect(check(result, 'Page checksums').detail).toBe(
    `1 page with a wrong checksum: ${file} block 0`,
  );
});

test('verification.heap_all_indexed finds that an index lacks a row, which is sound otherwise', async () => {
  await server.query(
    `SET allow_system_table_mods TO on;
     CREATE TABLE forgetful (id int); CREATE INDEX forgetful_id ON forgetful (id);
     UPDATE pg_index SET indisready = false WHERE indexrelid = 'forgetful_id'::regclass`,
  );
  await server.query('INSERT INTO forgetful VALUES (1)');
  await server.query(
    `SET allow_system_table_mods TO on;
     UPDATE pg_index SET indisready = true WHERE indexrelid = 'forgetful_id'::regclass`,
  );
  const { shop } = setting.deps.servers;
  if (shop === undefined) throw new Error('There is a server');
  const verification = { ...shop.verification, heap_all_indexed: true };
  const servers = { shop: { ...shop, verification } };

  const result = await setting.verify({ ...setting.deps, servers });
  await server.query('DROP TABLE forgetful');

  expect(sentence(result, 'Indexes and pages')).toMatch(
    /^FAIL: pg_amcheck: btree index postgres\.public\.forgetful_id: heap tuple \(0,1\) .* lacks matching index tuple/,
  );
});

test('finds damage in another database where there is no pg_amcheck, and lets nothing pass unread', async () => {
  await using crm = await connect(server.url('crm'), { signal: AbortSignal.timeout(60_000) });
  const [row] = await crm.query<{ file: string }>(`SELECT pg_relation_filepath('deals') AS file`);
  const deps = damagedBy(without('pg_amcheck'), async (directory) =>
    damagePage(directory, row?.file ?? '', 0),
  );

  const result = await setting.verify(deps);

  expect(result.verdict).toBe('FAIL');
  expect(sentence(result, 'Indexes and pages')).toMatch(
    /^FAIL: amcheck: heap table crm\.public\.deals: .*invalid page in block 0/,
  );
});

test('says that pg_checksums is missing, and proves the rest', async () => {
  const result = await setting.verify(without('pg_checksums'));

  expect(check(result, 'Page checksums')).toMatchObject({
    verdict: 'SKIPPED',
    detail: 'the program pg_checksums is not installed here',
  });
  expect(sentence(result, 'Bytes read')).toMatch(
    /^PASS: \d+ packs? \([\d.]+ .?B\) and \d+ log files? read whole, every byte authenticated$/,
  );
  expect(sentence(result, 'Indexes and pages')).toMatch(
    /^PASS: \d+ indexes and [\d,]+ pages, no damage; not looked at: 1 hash$/,
  );
  expect(result.verdict).toBe('PASS');
});
