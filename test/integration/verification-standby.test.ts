/**
 * A standby that is read in production's stead: it stands still while it is counted, goes on whatever
 * happens, and one that somebody else has paused is left alone.
 */
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog } from '../../src/kernel/log.ts';
import { connect } from '../../src/postgres/connect.ts';
import { runProgramWell } from '../../src/subprocess/run.ts';
import { takeProofPoint } from '../../src/verification/proof-point.ts';
import { pausedStandbySweeper } from '../../src/verification/read-standby.ts';
import { makeLedger, startBusyPeople } from '../support/busy-shop.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type ProofSetting, proofSetting } from '../support/proof-setting.ts';
import { testRun } from '../support/test-run.ts';
import { verificationSection } from '../support/verification-section.ts';
import { waitUntil } from '../support/wait-until.ts';

const { signal } = new AbortController();
let server: TestPostgres;
let standby: TestPostgres;
let setting: ProofSetting;

beforeAll(async () => {
  server = await startPostgres();
  await server.query('CREATE ROLE reader LOGIN IN ROLE pg_read_all_data');
  await makeLedger(server.url());
  standby = await startStandby();
  const readFrom = standby.url().replace('postgres@', 'reader@');
  setting = await proofSetting(server, { verification: { read_from: readFrom } });
  await setting.backUp();
});

afterAll(async () => {
  await setting[Symbol.asyncDispose]();
  await standby[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

async function startStandby(): Promise<TestPostgres> {
  const dataDirectory = join(await server.makeFolder('standby'), 'data');
  const program = server.programs.path('pg_basebackup') ?? '';
  await runProgramWell(program, ['-D', dataDirectory, '-c', 'fast', '-R', '-d', server.url()], {
    signal,
    deadlineMs: 60_000,
    cwd: '/',
    environment: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
    user: server.user,
  });
  return startPostgres({ dataDirectory });
}

async function pauseState(): Promise<string> {
  const [row] = await standby.query('SELECT pg_get_wal_replay_pause_state() AS state');
  return String(row?.['state']);
}

const FUNCTIONS = 'FUNCTION pg_wal_replay_pause(), pg_wal_replay_resume()';

/** Waits until the standby knows of it. */
async function mayPause(may: boolean): Promise<void> {
  const sql = may
    ? `GRANT EXECUTE ON ${FUNCTIONS} TO reader`
    : `REVOKE ALL ON ${FUNCTIONS} FROM reader`;
  await server.query(sql);
  await waitUntil(async () => {
    const [row] = await standby.query(
      `SELECT has_function_privilege('reader', 'pg_wal_replay_pause()', 'EXECUTE') AS may`,
    );
    return row?.['may'] === may;
  });
}

async function newestBackup(): Promise<Parameters<typeof takeProofPoint>[1]['summary']> {
  const { engine, ring, storesOf, servers } = setting.deps.recovery;
  const [name] = servers.keys();
  const [store] = name === undefined ? [] : storesOf(name);
  if (name === undefined || store === undefined) throw new Error('There is a server with a store');
  const place = { store: store.store, ring, server: name, signal };
  const newest = (await engine.listBackups(place)).backups.at(-1);
  if (newest === undefined) throw new Error('There is a backup');
  return newest;
}

async function whyNone(): Promise<string> {
  const request = { summary: await newestBackup(), untilStored: async () => undefined };
  const taken = await takeProofPoint(setting.deps, { ...request, run: testRun(), signal });
  return taken.outcome === 'none' ? taken.why : 'there is one';
}

describe('verification.read_from', () => {
  test('proves equality with what the standby stood at while production went on, and lets it go on', async () => {
    await mayPause(true);
    await server.query(`SELECT lo_from_bytea(0, 'a photo')`);
    await using people = startBusyPeople([server.url()], 3);

    const result = await setting.verify();

    expect(
      result.checks.filter(({ verdict }) => verdict === 'FAIL' || verdict === 'ERROR'),
    ).toEqual([]);
    expect(result).toMatchObject({ verdict: 'PASS', mode: 'exact' });
    expect(result.tables).toMatchObject([{ table: 'ledger', outcome: 'equal' }]);
    expect(result.leftOut).toEqual(['1 large object']);
    expect(await pauseState()).toBe('not paused');
    expect(people.committed()).toBeGreaterThan(10);
  });

  test('says which rights are missing before it pauses anything', async () => {
    await mayPause(false);

    expect(await whyNone()).toContain(
      'GRANT EXECUTE ON FUNCTION pg_wal_replay_pause(), pg_wal_replay_resume() TO "reader";',
    );
    expect(await pauseState()).toBe('not paused');
  });

  test('leaves a standby alone that somebody else has paused', async () => {
    await mayPause(true);
    await standby.query('SELECT pg_wal_replay_pause()');
    await waitUntil(async () => (await pauseState()) === 'paused');

    const why = await whyNone();

    expect(why).toContain('it is paused');
    expect(await pauseState()).toBe('paused');
    await standby.query('SELECT pg_wal_replay_resume()');
  });

  test('goes on when the proof is cancelled, and by the sweeper when the process died', async () => {
    await mayPause(true);
    const stop = new AbortController();
    const { recovery, servers } = setting.deps;
    async function connectUntilCounting(
      ...[url, options]: Parameters<typeof recovery.connect>
    ): ReturnType<typeof recovery.connect> {
      // The first session that counts: the standby stands still by then.
      if (options.statementTimeoutMs !== undefined) stop.abort(new Error('cancelled'));
      return recovery.connect(url, options);
    }
    const means = { ...recovery, connect: connectUntilCounting };
    const deps = { ...setting.deps, servers, recovery: means };
    const run = testRun();
    const request = { summary: await newestBackup(), untilStored: async () => undefined };

    await expect(takeProofPoint(deps, { ...request, run, signal: stop.signal })).rejects.toThrow(
      'cancelled',
    );

    expect(await pauseState()).toBe('not paused');
    expect(run.claims.size).toBe(0);
    await standby.query('SELECT pg_wal_replay_pause()');
    await pausedStandbySweeper(setting.deps).sweep({ server: 'shop' }, { signal, log: silentLog });
    expect(await pauseState()).toBe('not paused');
  });

  test('takes nothing from a standby that somebody let go on while it was read', async () => {
    await mayPause(true);
    const { recovery } = setting.deps;
    let resumed = 0;
    async function connectAndResume(
      ...[url, options]: Parameters<typeof recovery.connect>
    ): ReturnType<typeof recovery.connect> {
      // The first session that counts: the standby stands still by then.
      const isCounting = url !== server.url() && options.statementTimeoutMs !== undefined;
      if (isCounting && resumed === 0) {
        resumed += 1;
        await standby.query('SELECT pg_wal_replay_resume()');
      }
      return recovery.connect(url, options);
    }
    const deps = { ...setting.deps, recovery: { ...recovery, connect: connectAndResume } };
    const request = { summary: await newestBackup(), untilStored: async () => undefined };

    const taken = await takeProofPoint(deps, { ...request, run: testRun(), signal });

    expect(resumed).toBe(1);
    expect(taken).toEqual({
      outcome: 'none',
      why: 'somebody let the standby go on while it was read',
    });
    expect(await pauseState()).toBe('not paused');
  });

  test('is not needed to see that a commit waits for a synchronous standby, which no snapshot survives', async () => {
    const { shop } = setting.deps.servers;
    if (shop === undefined) throw new Error('There is a shop');
    const verification = verificationSection();
    const deps = { ...setting.deps, servers: { shop: { ...shop, verification } } };
    const request = { summary: await newestBackup(), untilStored: async () => undefined };
    await using waiting = await connect(server.url(), { signal });
    await server.query(`ALTER SYSTEM SET synchronous_standby_names = 'nobody'`);
    await server.query('SELECT pg_reload_conf()');
    const commit = waiting.query('CREATE TABLE waited_for ()');
    await waitUntil(async () => {
      const rows = await server.query(
        `SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'`,
      );
      return rows.length > 0;
    });

    const taken = await takeProofPoint(deps, { ...request, run: testRun(), signal });

    await server.query('ALTER SYSTEM RESET synchronous_standby_names');
    await server.query('SELECT pg_reload_conf()');
    await commit;
    await server.query('DROP TABLE waited_for');
    expect(taken).toEqual({
      outcome: 'none',
      why: '10 snapshots in a row were of no use: a commit was waiting for a synchronous standby',
    });
  });

  test('refuses a server that is no standby', async () => {
    const { shop } = setting.deps.servers;
    if (shop === undefined) throw new Error('There is a shop');
    const verification = { ...shop.verification, read_from: server.url() };
    const deps = { ...setting.deps, servers: { shop: { ...shop, verification } } };
    const request = { summary: await newestBackup(), untilStored: async () => undefined };

    const taken = await takeProofPoint(deps, { ...request, run: testRun(), signal });

    expect(taken).toMatchObject({ outcome: 'none' });
    expect(JSON.stringify(taken)).toContain('it is no standby');
  });
});
