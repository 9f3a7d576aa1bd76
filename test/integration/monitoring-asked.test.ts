/** The probe and a server that answers: what only the server itself can tell, noticed at once and over at once. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import type { Catalog } from '../../src/catalog/catalog.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { probeService } from '../../src/monitoring/probe-service.ts';
import { type StatusResult, statusOperation } from '../../src/monitoring/status-operation.ts';
import { testServerName } from '../support/folder-archive.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { testRun } from '../support/test-run.ts';

const NAME = testServerName('shop');
const OBJECTIVES = { rpoSeconds: 300, rtoSeconds: 1800, alarmHours: 26 };

let server: TestPostgres;
let folder: TemporaryFolder;
let catalog: Catalog;

beforeAll(async () => {
  server = await startPostgres({ settings: { max_prepared_transactions: '5' } });
  folder = await temporaryFolder();
  catalog = await openSqliteCatalog({ path: join(folder.path, 'catalog'), clock: systemClock });
});

afterAll(async () => {
  await catalog[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const Finding = z.object({
  code: z.string(),
  severity: z.string(),
  summary: z.string(),
  hint: z.string(),
});

/** One look, by a clock that differs from the server's by so much; undefined: nothing was noticed. */
async function noticed(code: string, clockOffSeconds = 0, url = server.url()) {
  const clock: Clock = {
    ...systemClock,
    now: () => systemClock.now().add({ seconds: clockOffSeconds }),
  };
  const stop = new AbortController();
  const servers = [{ name: NAME, url, stores: ['here'], ...OBJECTIVES }];
  const service = probeService({ servers, catalog, clock, log: silentLog });
  await service.run({ signal: stop.signal, ready: () => stop.abort() });
  const findings = z.array(Finding).parse(await catalog.findings.list(NAME));
  return findings.find((finding) => finding.code === code);
}

async function status(): Promise<StatusResult> {
  const servers = [{ name: NAME, url: server.url(), stores: ['here'], ...OBJECTIVES }];
  const operation = statusOperation({ servers, catalog, clock: systemClock, log: silentLog });
  return await operation.run({ server: null }, testRun());
}

/** The server shows everybody who does not ask for `pg_catalog` that time has passed. */
async function letPass(hours: number): Promise<void> {
  await server.query(`CREATE SCHEMA IF NOT EXISTS later;
    CREATE OR REPLACE VIEW later.pg_prepared_xacts AS
      SELECT transaction, gid, prepared - interval '${hours} hours' AS prepared, owner, database
        FROM pg_catalog.pg_prepared_xacts;
    ALTER ROLE postgres SET search_path = later, pg_catalog, public`);
}

test('a step of the clock is noticed by the next look, on either side, and is over with it', async () => {
  expect(await noticed('CLOCK_DIFFERS')).toBeUndefined();
  expect(await noticed('CLOCK_DIFFERS', 300)).toMatchObject({
    severity: 'warn',
    summary: expect.stringContaining('5 min ahead of that of shop') as unknown,
  });
  expect(await noticed('CLOCK_DIFFERS', -3600)).toMatchObject({
    severity: 'page',
    summary: expect.stringContaining('1 h behind that of shop') as unknown,
  });
  expect(await noticed('CLOCK_DIFFERS')).toBeUndefined();
});

test('a prepared transaction is noticed after an hour, stays while nobody can ask, and is over when it ends', async () => {
  const code = 'PREPARED_TRANSACTION_LEFT';
  await server.query('CREATE TABLE orders (id int)');
  await server.query(`BEGIN; INSERT INTO orders VALUES (1); PREPARE TRANSACTION 'order''s'`);
  expect(await noticed(code)).toBeUndefined();
  await letPass(2);

  const left = await noticed(code);

  expect(left).toMatchObject({
    severity: 'warn',
    summary: expect.stringContaining(
      `"order's" in database postgres of role postgres, prepared 2 h ago`,
    ) as unknown,
  });
  expect(await noticed(code, 0, 'postgres://127.0.0.1:1/shop')).toEqual(left);
  expect((await status()).servers[0]?.findings).toContainEqual(expect.objectContaining({ code }));
  const [sql = ''] = /ROLLBACK PREPARED '.*?';/.exec(left?.hint ?? '') ?? [];
  await server.query(sql);
  expect(await noticed(code)).toBeUndefined();
});

test('who may not read prepared transactions is told of the clock all the same', async () => {
  await server.query(`CREATE SCHEMA IF NOT EXISTS later;
    CREATE OR REPLACE VIEW later.pg_prepared_xacts AS
      SELECT transaction, gid, prepared + (1 / (transaction::text::int * 0)) * interval '1 s' AS prepared,
             owner, database
        FROM (VALUES ('7'::xid, 'one'::text, now(), 'ana'::name, 'shop'::name))
          AS x (transaction, gid, prepared, owner, database);
    ALTER ROLE postgres SET search_path = later, pg_catalog, public`);

  const clock = await noticed('CLOCK_DIFFERS', 300);
  await server.query('ALTER ROLE postgres RESET search_path; DROP SCHEMA later CASCADE');

  expect(clock).toMatchObject({ severity: 'warn' });
});
