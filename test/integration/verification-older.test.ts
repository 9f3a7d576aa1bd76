/** An older backup is proved against what production held when it was taken, whatever became of production since. */
import { afterAll, beforeAll, expect, test } from 'vitest';

import { backupOperation } from '../../src/backup/backup-operation.ts';
import { readManifest } from '../../src/engines/streaming/manifest.ts';
import type { VerificationDeps } from '../../src/verification/deps.ts';
import { verifyOperation } from '../../src/verification/operation.ts';
import { takeProofPoint } from '../../src/verification/proof-point.ts';
import type { VerifyResult } from '../../src/verification/result.ts';
import { proofWords } from '../../src/verification/words.ts';
import { changeRow, damagedBy, findRow, loseRow, takeChecksumsOff } from '../support/lost-rows.ts';
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

const stack = new AsyncDisposableStack();
let setting: ProofSetting;
/** Files of a copy without a role, a column, and the last value of a sequence. */
let damage: (directory: string) => Promise<void>;

beforeAll(async () => {
  const settings = { verification: { proof_point_seconds: 60 } };
  const server = stack.use(await startPostgres());
  await takeChecksumsOff(server);
  for (const sql of [
    'CREATE TABLE orders (number serial, shipping_address text)',
    `INSERT INTO orders SELECT i, 'here' FROM generate_series(1, 3000) i`,
    `SELECT setval('orders_number_seq', 500)`,
    'CREATE ROLE clerk',
    `CREATE ROLE keeper PASSWORD 'hunter2'`,
    `ALTER ROLE keeper SET shop.token = 'hunter2'`,
    'CREATE EXTENSION postgres_fdw',
    `CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'far-away')`,
    `CREATE USER MAPPING FOR keeper SERVER far OPTIONS (password 'hunter2')`,
    `CREATE SUBSCRIPTION news CONNECTION 'host=far-away password=hunter2' PUBLICATION news
       WITH (connect = false)`,
    'VACUUM (FREEZE)',
  ])
    await server.query(sql);
  setting = stack.use(await proofSetting(server, settings));
  await backUp(setting, server);
  damage = await damageOf(server);
  // What production lost since is no business of the backup.
  await server.query('DROP TABLE orders; DROP ROLE clerk');
  await backUp(setting, server);
  await server.stop();
});

afterAll(async () => {
  await stack.disposeAsync();
});

async function damageOf(server: TestPostgres): Promise<(directory: string) => Promise<void>> {
  const role = await findRow(server, 'pg_authid', `rolname = 'clerk'`);
  const column = await findRow(
    server,
    'pg_attribute',
    `attrelid = 'orders'::regclass AND attname = 'shipping_address'`,
  );
  const sequence = await findRow(server, 'orders_number_seq', 'true');
  const [fixed] = await server.query(
    `SELECT sum(attlen)::int AS before FROM pg_attribute
      WHERE attrelid = 'pg_attribute'::regclass AND attnum > 0 AND attnum <
        (SELECT attnum FROM pg_attribute
          WHERE attrelid = 'pg_attribute'::regclass AND attname = 'attisdropped')`,
  );
  const dropped = { offset: Number(fixed?.['before']), bytes: Buffer.from([1]) };
  const behind = Buffer.alloc(8);
  behind.writeBigInt64LE(499n);
  return async (directory) => {
    await loseRow(directory, role);
    await changeRow(directory, column, dropped);
    await changeRow(directory, sequence, { offset: 0, bytes: behind });
  };
}

/** Tests run in any order: what one says of the copy is not there for the next to hear. */
async function proveOlder(deps: VerificationDeps): Promise<VerifyResult> {
  const { catalog } = deps;
  const backups = { ...catalog.backups, markVerified: async () => undefined };
  const verify = verifyOperation({ ...deps, catalog: { ...catalog, backups } });
  const { plan } = await verify.prepare({ older: true }, { actor, signal });
  return verify.run(plan, testRun());
}

function sentence({ checks }: VerifyResult, name: string): string {
  const { verdict, detail } = checks.find(({ check }) => check === name) ?? {};
  return `${verdict}: ${detail}`;
}

test('an older backup is proved exactly, without production, and promises nothing of today', async () => {
  const result = await proveOlder(setting.deps);

  const others = result.checks.filter(({ verdict }) => verdict !== 'PASS');
  expect(others).toMatchObject([
    { check: 'Page checksums', detail: 'production has no page checksums' },
  ]);
  expect(result).toMatchObject({
    verdict: 'PASS',
    mode: 'exact',
    isNewest: false,
    isProofPoint: true,
    tables: [{ table: 'orders', sourceRows: 3000, restoredRows: 3000, equal: true }],
  });
  expect(sentence(result, 'Catalogue')).toMatch(/^PASS: \d+ objects as in production \(1 table, /);
  expect(sentence(result, 'Roles and databases')).toMatch(/^PASS: \d+ objects as in production \(/);
  expect(sentence(result, 'Sequences')).toBe(
    'PASS: 1, each not behind what production had before the position and at most 32 steps ahead of what it had after it',
  );
  expect(result.title).toMatch(/^The backup of \S+ \S+ UTC of shop is restorable$/);
  expect(result.which).toMatch(/^kept as daily of \S+, never proved$/);
  expect(proofWords(result)?.opening).toContain('when the backup was taken');
});

test('an older backup that lost a column, a role or a value of a sequence fails without production', async () => {
  const result = await proveOlder(damagedBy(setting.deps, damage));

  expect(sentence(result, 'Catalogue')).toBe('FAIL: orders.shipping_address is missing');
  expect(sentence(result, 'Roles and databases')).toBe('FAIL: role clerk is missing');
  expect(sentence(result, 'Sequences')).toMatch(
    /^FAIL: orders_number_seq stands at 499, production had 500 before the position/,
  );
  expect(result).toMatchObject({ verdict: 'FAIL', isNewest: false, isProofPoint: true });
});

test('holds no password, no connection string and no setting of a role, but digests', async () => {
  const { recovery } = setting.deps;
  const [server] = recovery.servers.keys();
  if (server === undefined) throw new Error('There is no server');
  const [named] = recovery.storesOf(server);
  if (named === undefined) throw new Error('There is no store');
  const place = { store: named.store, ring: recovery.ring, signal };
  const [summary] = (await recovery.engine.listBackups({ ...place, server })).backups;
  if (summary === undefined) throw new Error('There is no backup');

  const { proofPoint } = await readManifest({ ...place, summary });

  const text = JSON.stringify(proofPoint);
  for (const name of ['keeper', 'far', 'orders_number_seq']) expect(text).toContain(`"${name}"`);
  expect(text).not.toMatch(/hunter2|far-away|SCRAM/);
});
