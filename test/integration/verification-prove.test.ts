/** Proofs of real backups: a good one passes, and each kind of damage fails as what it is. */

import { existsSync } from 'node:fs';
import { open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Engine } from '../../src/engines/engine.ts';
import type { Check } from '../../src/verification/checks.ts';
import { verifyOperation } from '../../src/verification/operation.ts';
import type { VerifyResult } from '../../src/verification/result.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type ProofSetting, proofSetting } from '../support/proof-setting.ts';

let server: TestPostgres;
let setting: ProofSetting;

beforeAll(async () => {
  server = await startPostgres();
  setting = await proofSetting(server);
  await server.query('CREATE TABLE orders (id bigserial PRIMARY KEY, address text)');
  await server.query('CREATE TABLE users AS SELECT i AS id FROM generate_series(1, 1000) i');
  await insert(5000);
  // Where a DROP DATABASE was cut short, and where a library is loaded that this machine does not have.
  for (const name of ['half', 'masked']) await server.query(`CREATE DATABASE ${name}`);
  await server.query(
    `UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half';
     ALTER DATABASE masked SET session_preload_libraries = 'anon'`,
  );
  // Else the first look at its rows would write their pages into the log.
  await server.query('VACUUM (FREEZE) users');
  await setting.backUp();
  await insert(700);
});

afterAll(async () => {
  await setting[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

async function insert(rows: number): Promise<void> {
  await server.query(
    `INSERT INTO orders (address) SELECT md5(i::text) FROM generate_series(1, ${rows}) i`,
  );
}

async function ordersNow(): Promise<number> {
  const [row] = await server.query('SELECT count(*)::int AS rows FROM orders');
  return Number(row?.['rows']);
}

function check(result: VerifyResult, name: RegExp): Check {
  const found = result.checks.find((one) => name.test(one.check));
  if (found === undefined) throw new Error(`No check ${name} in ${JSON.stringify(result.checks)}`);
  return found;
}

async function filesOf(kind: RegExp): Promise<string[]> {
  const names = await readdir(setting.storeFolder, { recursive: true });
  return names
    .filter((name) => kind.test(name))
    .toSorted()
    .map((name) => join(setting.storeFolder, name));
}

async function verdictOfCopy(): Promise<string | null> {
  const [row] = await setting.catalog.backups.list('shop');
  return row?.verdict ?? null;
}

async function leftovers(): Promise<string[]> {
  return existsSync(setting.scratchFolder) ? readdir(setting.scratchFolder) : [];
}

describe('verify', () => {
  test('passes a good backup, with every check, its times, and nothing left behind', async () => {
    const rows = await ordersNow();

    const result = await setting.verify();

    expect(result.checks.filter(({ verdict }) => verdict !== 'PASS')).toEqual([]);
    expect(result).toMatchObject({ verdict: 'PASS', mode: 'exact', tornDown: true });
    expect(result.tables.find(({ table }) => table === 'orders')).toMatchObject({
      sourceRows: rows,
      restoredRows: rows,
      equal: true,
    });
    expect(check(result, /^Databases$/).detail).toMatch(/^masked, .*cut short .* left: half$/);
    expect(result.rtoSeconds).toBeGreaterThan(0);
    // What does work has taken time, and the report says how much.
    for (const name of [/^Stored objects$/, /^Production$/, /^Restore$/, /^Indexes and pages$/])
      expect(check(result, name).seconds).toBeGreaterThan(0);
    expect(check(result, /^Restore$/).detail).toMatch(/^files in \d+\.\d s, log in \d+\.\d s/);
    expect(check(result, /^Indexes and pages$/).seconds).toBeLessThan(result.seconds);
    expect(result.title).toMatch(/^shop is restorable to 20/);
    expect(await leftovers()).toEqual([]);
    const [row] = await setting.catalog.backups.list('shop');
    expect(row).toMatchObject({ verdict: 'PASS', verifyRunId: result.runId });
  });

  test('compares counts and contents exactly while production is written to', async () => {
    const stop = new AbortController();
    const writer = (async () => {
      while (!stop.signal.aborted) await insert(3);
    })();

    const result = await setting.verify();
    stop.abort();
    await writer;

    expect(result.verdict).toBe('PASS');
    expect(check(result, /largest tables/).verdict).toBe('PASS');
  });

  test('fails when a segment in the middle of the log is gone, and names it', async () => {
    for (let switches = 0; switches < 3; switches += 1) {
      await insert(50);
      await server.query('SELECT pg_switch_wal()');
    }
    await setting.archive();
    const segments = await filesOf(/wal.*[0-9A-F]{24}/);
    const victim = segments.at(-2) ?? '';
    const putBack = await removed(victim);

    const result = await setting.verify();
    await putBack();

    expect(result).toMatchObject({ verdict: 'FAIL', tornDown: true });
    expect(check(result, /^Stored log$/)).toMatchObject({ verdict: 'FAIL' });
    const [name = 'none'] = /[0-9A-F]{24}/.exec(victim) ?? [];
    expect(check(result, /^Stored log$/).detail).toMatch(new RegExp(`, then a hole: ${name}$`));
    expect(await verdictOfCopy()).toBe('ERROR');
    expect(await leftovers()).toEqual([]);
  });

  test('fails when one bit of a pack is flipped', async () => {
    const [pack = ''] = await filesOf(/\/base\/.*pack/);
    await flipBit(pack);

    const result = await setting.verify();
    await flipBit(pack);

    expect(result.verdict).toBe('FAIL');
    expect(check(result, /^Restore$/).verdict).toBe('FAIL');
    expect(await verdictOfCopy()).toBe('FAIL');
    expect(verifyOperation(setting.deps).exitCode?.(result)).toBe(1);
    expect(await leftovers()).toEqual([]);
  });

  test('fails when a pack is missing, before anything is restored', async () => {
    const [pack = ''] = await filesOf(/\/base\/.*pack/);
    const putBack = await removed(pack);

    const result = await setting.verify();
    await putBack();

    expect(check(result, /^Stored objects$/).verdict).toBe('FAIL');
    expect(result.verdict).toBe('FAIL');
  });

  test('fails when rows are missing in the copy, although everything else went well', async () => {
    const [row] = await server.query(`SELECT pg_relation_filepath('users') AS path`);
    const users = String(row?.['path']);
    const { engine } = setting.deps.recovery;
    const forgetful = { ...engine, restoreFiles: restoreWithout(engine, users) };
    const deps = { ...setting.deps, recovery: { ...setting.deps.recovery, engine: forgetful } };

    const result = await setting.verify(deps);

    expect(result.verdict).toBe('FAIL');
    expect(check(result, /largest tables/)).toMatchObject({
      verdict: 'FAIL',
      detail: 'users has 0 rows, production has 1,000',
    });
    expect(result.tornDown).toBe(true);
  });

  test('fails when the log ends before where production stood, whatever else is well', async () => {
    await setting.archive();
    await insert(10);
    const deps = { ...setting.deps, untilStored: async () => undefined };

    const result = await setting.verify(deps);

    expect(result).toMatchObject({ verdict: 'FAIL', mode: 'bounded' });
    expect(result.shows).toMatch(/No exact comparison, because the log is not stored up to /);
    expect(check(result, /^Restore$/).verdict).toBe('PASS');
    expect(check(result, /^Stored log$/).verdict).toBe('FAIL');
    expect(check(result, /^Log position$/).verdict).toBe('FAIL');
    // The log's fault: a copy that is called bad would be set aside, and removed in the end.
    expect(await verdictOfCopy()).toBe('ERROR');
  });

  test('checks indexes by the extension where there is no pg_amcheck', async () => {
    const { programs } = server;
    const few = {
      ...programs,
      path: (name: string) => (name === 'pg_amcheck' ? undefined : programs.path(name)),
    };
    const recovery = { ...setting.deps.recovery, programsFor: async () => few };

    const result = await setting.verify({ ...setting.deps, recovery });

    expect(result.verdict).toBe('PASS');
    expect(check(result, /^Indexes and pages$/).detail).toMatch(
      /^\d+ indexes and \d+ tables in masked, postgres, template1, no damage$/,
    );
  });

  test('cannot tell, and says so, when production is down; the restore is proved all the same', async () => {
    await setting.archive();
    await server.stop();

    const result = await setting.verify();
    await server.start();

    expect(result).toMatchObject({ verdict: 'ERROR', tables: [], sourceLsn: null, tornDown: true });
    expect(check(result, /^Production$/).verdict).toBe('ERROR');
    expect(check(result, /^Restore$/).verdict).toBe('PASS');
    expect(check(result, /^Indexes and pages$/).verdict).toBe('PASS');
    expect(verifyOperation(setting.deps).exitCode?.(result)).toBe(4);
  });
});

function restoreWithout(engine: Engine, path: string): Engine['restoreFiles'] {
  return async (request) => {
    const restored = await engine.restoreFiles(request);
    await truncate(join(request.directory, path));
    return restored;
  };
}

/** Answers how to put it back. */
async function removed(path: string): Promise<() => Promise<void>> {
  const bytes = await readFile(path);
  await rm(path);
  return async () => writeFile(path, bytes);
}

async function flipBit(path: string): Promise<void> {
  const file = await open(path, 'r+');
  const { size } = await file.stat();
  const byte = Buffer.alloc(1);
  const place = Math.floor(size / 2);
  await file.read(byte, 0, 1, place);
  byte[0] = (byte[0] ?? 0) ^ 1;
  await file.write(byte, 0, 1, place);
  await file.close();
}
