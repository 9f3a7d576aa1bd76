/**
 * What production held right after a backup stands in its manifest: a copy that is replayed to there holds
 * exactly that, and a backup that could not get one is as good as any.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';

import { backupOperation } from '../../src/backup/backup-operation.ts';
import type { BackupDeps } from '../../src/backup/deps.ts';
import type { BackupSummary } from '../../src/engines/engine.ts';
import type { DatabaseContent } from '../../src/engines/proof-point.ts';
import { readManifest } from '../../src/engines/streaming/manifest.ts';
import { compareLsn, type Lsn } from '../../src/kernel/lsn.ts';
import { Problem } from '../../src/kernel/problem.ts';
import { connect } from '../../src/postgres/connect.ts';
import { CONNECTION_LOST } from '../../src/postgres/problems.ts';
import type { Session } from '../../src/postgres/session.ts';
import { followWal } from '../../src/recovery/coverage.ts';
import { restoreToScratch } from '../../src/recovery/point-in-time/restore.ts';
import { takeProofPoint } from '../../src/verification/proof-point.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type ProofSetting, proofSetting } from '../support/proof-setting.ts';
import { type TestRun, testRun } from '../support/test-run.ts';

const { signal } = new AbortController();
const { actor } = testRun();
let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});

afterAll(async () => {
  await shop[Symbol.asyncDispose]();
});

type Result = Awaited<ReturnType<ReturnType<typeof backupOperation>['run']>>;

interface Shop extends AsyncDisposable {
  readonly server: TestPostgres;
  readonly setting: ProofSetting;
  backUp(take?: BackupDeps['takeProofPoint'], run?: TestRun): Promise<Result>;
  newest(): Promise<BackupSummary>;
  /** Objects of backups, committed or not. */
  objects(): Promise<number>;
}

async function openShop(): Promise<Shop> {
  const stack = new AsyncDisposableStack();
  const server = stack.use(await startPostgres());
  for (const table of ['orders', 'customers'])
    await server.query(
      `CREATE TABLE ${table} AS SELECT i AS id, md5(i::text) AS note FROM generate_series(1, 20000) i`,
    );
  const setting = stack.use(
    await proofSetting(server, { verification: { hash: 'all', proof_point_seconds: 60 } }),
  );
  const { recovery, servers } = setting.deps;
  const [store] = recovery.storesOf(shopOf(setting));
  if (store === undefined) throw new Error('There is no store');
  const url = server.url();
  return {
    server,
    setting,
    async backUp(take = (request) => takeProofPoint(setting.deps, request), run = testRun()) {
      const operation = backupOperation({
        ...recovery,
        storesOf: () => [store],
        catalog: setting.catalog,
        servers: { shop: { ...servers['shop'], url, archiving: { tail_seconds: 1 } } },
        takeProofPoint: take,
      });
      const { plan } = await operation.prepare({}, { actor, signal });
      const result = operation.result.parse(await operation.run(plan, run));
      expect(operation.exitCode?.(result)).toBe(0);
      return result;
    },
    async newest() {
      const place = { store: store.store, ring: recovery.ring, server: shopOf(setting), signal };
      const { backups } = await recovery.engine.listBackups(place);
      const newest = backups.at(-1);
      if (newest === undefined) throw new Error('There is no backup');
      return newest;
    },
    async objects() {
      const keys = await Array.fromAsync(store.store.list('shop/', { signal }));
      return keys.filter(({ key }) => key.includes('/base/')).length;
    },
    [Symbol.asyncDispose]: async () => stack.disposeAsync(),
  };
}

function shopOf({ deps }: ProofSetting): Parameters<BackupDeps['storesOf']>[0] {
  const [name] = deps.recovery.servers.keys();
  if (name === undefined) throw new Error('There is no server');
  return name;
}

/** Several sessions that add, change and remove rows without a pause. */
async function writing(server: TestPostgres): Promise<{ stop(): Promise<number> }> {
  const stopped = new AbortController();
  const sessions = await Promise.all(
    Array.from({ length: 4 }, async () => connect(server.url(), { signal })),
  );
  const counts = sessions.map(async (session, number) => {
    await using own = session;
    let commits = 0;
    for (; !stopped.signal.aborted; commits++) await write(own, number * 1_000_000 + commits);
    return commits;
  });
  return {
    async stop() {
      stopped.abort();
      return (await Promise.all(counts)).reduce((a, b) => a + b, 0);
    },
  };
}

async function write(session: Session, number: number): Promise<void> {
  await session.query(`INSERT INTO orders VALUES (${number}, 'new')`);
  await session.query(`DELETE FROM customers WHERE id = ${(number % 20_000) + 1}`);
  await session.query(`UPDATE orders SET note = 'seen' WHERE id = ${(number % 20_000) + 1}`);
}

/** Counted and hashed as the format page says, without our own SQL. */
async function contentAt(
  { deps }: ProofSetting,
  base: BackupSummary,
  { lsn, tables }: DatabaseContent,
): Promise<readonly unknown[]> {
  const { recovery } = deps;
  const [store] = recovery.storesOf(base.server);
  if (store === undefined) throw new Error('There is no store');
  const { segmentBytes } = base;
  const place = { store: store.store, ring: recovery.ring, folder: base, segmentBytes, signal };
  const path = followWal(base, await recovery.walArchive.inventory(place));
  if (path === undefined) throw new Error('There is no log');
  const target = { kind: 'lsn', asked: lsn, lsn } as const;
  const request = { server: base.server, store, base, path, target };
  const copy = await restoreToScratch(recovery, request, testRun());
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => copy.discard());
  await using session = await recovery.connect(copy.url, { signal });
  await session.query('SET search_path TO pg_catalog');
  const found: unknown[] = [];
  for (const { schema, table } of tables) {
    const [row] = await session.query<{ rows: string; hash: string }>(
      `SELECT count(*)::text AS rows,
              sum(hashtextextended(ROW(t.id, t.note)::text COLLATE "C", 0))::text AS hash
         FROM ONLY ${schema}.${table} t`,
    );
    found.push({ table, rows: Number(row?.rows), hash: row?.hash });
  }
  return found;
}

test('under load, a copy that is replayed to the position of a proof point holds exactly what it says', async () => {
  const writers = await writing(shop.server);

  const run = testRun();
  const result = await shop.backUp(undefined, run);
  const commits = await writers.stop();

  const base = await shop.newest();
  expect(result).toMatchObject({
    withoutProofPoint: null,
    warnings: [],
    proofPoint: { tables: 2, hashed: 2 },
  });
  const { recovery } = shop.setting.deps;
  const [store] = recovery.storesOf(base.server);
  if (store === undefined) throw new Error('There is no store');
  const access = { store: store.store, ring: recovery.ring, summary: base, signal };
  const { proofPoint } = await readManifest(access);
  const [content] = proofPoint?.databases ?? [];
  if (content === undefined) throw new Error('There is no proof point');
  expect(base.proofLsn).toBe(proofPoint?.untilLsn);
  expect(compareLsn(content.lsn, base.endLsn)).toBe(1);
  expect(compareLsn(base.proofLsn ?? base.endLsn, content.lsn)).toBe(1);
  expect(run.steps.slice(1, 3)).toEqual(['Copy its files', 'Count and hash what a copy must hold']);
  expect(commits).toBeGreaterThan(20);
  expect(await contentAt(shop.setting, base, content)).toEqual(
    content.tables.map(({ table, rows, hash }) => ({ table, rows, hash })),
  );
  process.stdout.write(
    `${commits} times three commits; ${JSON.stringify(result.proofPoint)}, ${base.endLsn} to ${content.lsn}\n`,
  );
});

test('a proof point that cannot be taken leaves a backup that is as good as any, and says why', async () => {
  const why = 'Cannot ask: the server has gone';

  const failed = await shop.backUp(async () => Promise.reject(new Problem(CONNECTION_LOST, why)));
  const elsewhere = await shop.backUp(async (request) => {
    const taken = await takeProofPoint(shop.setting.deps, request);
    if (taken.outcome === 'none') throw new Error(taken.why);
    const { proofPoint } = taken;
    const [database] = proofPoint.databases;
    if (database === undefined) throw new Error('It has no database');
    // As if it had been asked of a server that was set back meanwhile.
    const lsn = request.summary.beginLsn;
    return { ...taken, proofPoint: { ...proofPoint, databases: [{ ...database, lsn }] } };
  });

  expect(failed).toMatchObject({ proofPoint: null, withoutProofPoint: why, damage: [] });
  expect(failed.warnings).toEqual([expect.stringContaining(why)]);
  expect(elsewhere.proofPoint).toBeNull();
  expect(elsewhere.warnings).toEqual([expect.stringContaining('does not lie behind the end')]);
  expect((await shop.newest()).proofLsn).toBeUndefined();
});

test('a proof point of what the role may not read is none, and says which right is missing', async () => {
  const { server, setting } = shop;
  const { shop: known } = setting.deps.servers;
  if (known === undefined) throw new Error('There is no server');
  await server.query('CREATE ROLE blind LOGIN');
  await server.query('GRANT SELECT ON orders TO blind');
  const servers = { shop: { ...known, url: server.url().replace('postgres@', 'blind@') } };

  const result = await shop.backUp(async (request) =>
    takeProofPoint({ ...setting.deps, servers }, request),
  );

  expect(result).toMatchObject({ proofPoint: null, damage: [] });
  expect(result.withoutProofPoint).toMatch(
    /^customers could not be read: permission denied .*`GRANT pg_read_all_data TO …;`/,
  );
});

test('what stops a backup while its proof point is taken leaves nothing of it', async () => {
  const run = testRun();
  const before = await shop.objects();
  let waited: Lsn | undefined;

  const taking = shop.backUp(async ({ summary, untilStored, signal: stop }) => {
    waited = summary.endLsn;
    run.controller.abort(new Error('stopped by a person'));
    await untilStored(summary.endLsn, { signal: stop });
    return { outcome: 'none', why: 'it went on' };
  }, run);

  await expect(taking).rejects.toThrow('stopped by a person');
  expect(waited).toBeDefined();
  expect(await shop.objects()).toBe(before);
});

test('a run that fails between the files and the proof point puts no manifest behind its back', async () => {
  const before = await shop.objects();
  const run = testRun();
  const failing: TestRun = {
    ...run,
    async step(title, work) {
      const answer = await run.step(title, work);
      if (title === 'Copy its files') throw new Error('The catalogue has gone');
      return answer;
    },
  };
  let isAsked = false;

  const taking = shop.backUp(async () => {
    isAsked = true;
    return { outcome: 'none', why: 'it went on' };
  }, failing);

  await expect(taking).rejects.toThrow('The catalogue has gone');
  expect(isAsked).toBe(false);
  expect(await shop.objects()).toBe(before);
});
