/** Whose turn it is, over real manifests and a real gate: older backups, older keys, and two proofs at once. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';

import type { RunRecord } from '../../src/catalog/runs.ts';
import { keyRing } from '../../src/encryption/file-key-ring.ts';
import type { BackupSummary } from '../../src/engines/engine.ts';
import { writeManifest } from '../../src/engines/streaming/manifest.ts';
import { streamingEngine } from '../../src/engines/streaming/streaming-engine.ts';
import { walStore } from '../../src/engines/streaming/wal-store.ts';
import type { AnyOperation } from '../../src/gate/operation.ts';
import type { Actor } from '../../src/gate/people.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { utcText } from '../../src/kernel/codecs.ts';
import { type BackupId, newRunId } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { afterProofService } from '../../src/verification/after-proof.ts';
import type { VerificationDeps } from '../../src/verification/deps.ts';
import { verifyOperation } from '../../src/verification/operation.ts';
import { VerifyPlan } from '../../src/verification/plan.ts';
import { testServerName } from '../support/folder-archive.ts';
import { sampleBackup } from '../support/sample-backup.ts';
import { ANA, CLOCK_ACTOR, SIGNAL, type ToyGate, toyGate } from '../support/toy-gate.ts';
import { waitUntil } from '../support/wait-until.ts';

const SHOP = testServerName('shop');
const [K1, K2] = [randomBytes(32), randomBytes(32)];
const RINGS = {
  k1: keyRing(new Map([['k1', K1]])),
  k2: keyRing(new Map([['k1', K1]]).set('k2', K2)),
};

let stores: { readonly here: ObjectStore; readonly west: ObjectStore };
let house: ToyGate;
/** What a proof does here instead of restoring anything. */
let work: () => Promise<void>;

const deps: VerificationDeps = {
  recovery: {
    engine: streamingEngine({ connectionUrl: () => '', clock: systemClock }),
    walArchive: walStore,
    ring: RINGS.k2,
    storesOf: () => [
      { name: 'here', store: stores.here },
      { name: 'west', store: stores.west },
    ],
    servers: new Map([[SHOP, { url: 'postgres://db/shop' }]]),
    get catalog() {
      return house.catalog;
    },
    findRun: async () => undefined,
    programsFor: unused,
    connect: unused,
    scratch: { path: '/nowhere', keepSeconds: 1, user: undefined },
    clock: systemClock,
    log: silentLog,
  },
  get catalog() {
    return house.catalog;
  },
  servers: {
    shop: {
      url: 'postgres://db/shop',
      verification: {
        tables: 10,
        max_age: 'PT24H',
        hash: 'part',
        snapshot_seconds: 60,
        lock_seconds: 1,
        parallel: 1,
        proof_point_seconds: 60,
      },
    },
  },
  untilStored: unused,
};

function unused(): never {
  throw new Error('Nothing is restored here');
}

/** The real one, but for what it does with the backup: it marks the copy as proved. */
function provingOperation(): AnyOperation {
  return {
    ...verifyOperation(deps),
    result: z.json(),
    exitCode: () => 0,
    async run(plan, { id: runId }) {
      await work();
      const { store, base } = VerifyPlan.parse(plan);
      const at = utcText(systemClock.now());
      const row = { server: SHOP, backupId: base.backupId, store, verdict: 'PASS', at, runId };
      await house.catalog.backups.markVerified(row);
      return { verdict: 'PASS' };
    },
  };
}

beforeEach(async () => {
  stores = { here: memoryStore(), west: memoryStore() };
  work = async () => undefined;
  house = await toyGate({ operations: [provingOperation()] });
});

afterEach(async () => {
  await house[Symbol.asyncDispose]();
});

interface Stored {
  readonly keyId?: keyof typeof RINGS;
  readonly in?: readonly (keyof typeof stores)[];
}

async function stored(day: string, said: Stored = {}): Promise<BackupSummary> {
  const { keyId = 'k1', in: where = ['here', 'west'] } = said;
  const summary = sampleBackup(`${day}T02:00:05Z`, { keyId });
  for (const store of where) {
    await writeManifest(
      { store: stores[store], ring: RINGS[keyId] },
      {
        summary,
        settings: {},
        tablespaces: [],
        packs: [],
        files: [],
        postgresManifest: Buffer.from('{}'),
      },
      { signal: SIGNAL },
    );
    const row = { server: SHOP, backupId: summary.backupId, store, summary: { ...summary } };
    await house.catalog.backups.record(row);
  }
  return summary;
}

async function proved(backupId: BackupId, store: string, at: string): Promise<void> {
  const runId = newRunId(Temporal.Instant.from(at));
  await house.catalog.backups.markVerified({
    server: SHOP,
    backupId,
    store,
    verdict: 'PASS',
    at: utcText(Temporal.Instant.from(at)),
    runId,
  });
}

async function ask(input: Record<string, unknown>, actor: Actor = ANA): Promise<RunRecord> {
  return await house.row('verify', { input: { server: 'shop', ...input }, actor });
}

async function proofs(): Promise<readonly RunRecord[]> {
  return await house.catalog.runs.list({ server: SHOP, limit: 100 });
}

describe('verify --older', () => {
  test('takes the older one whose proof is longest ago, from the store whose copy was not proved', async () => {
    await stored('2026-11-24');
    const day = await stored('2026-11-23');
    const old = await stored('2026-11-01');
    await proved(day.backupId, 'here', '2026-11-23T04:00:00Z');
    await proved(old.backupId, 'here', '2026-11-02T04:00:00Z');

    const run = await ask({ older: true });

    expect(VerifyPlan.parse(run.plan)).toMatchObject({
      base: { backupId: old.backupId },
      store: 'west',
      why: 'this copy was proved longest ago',
      which: 'kept as daily of 2026-11-01, last proved 2026-11-02',
      isNewest: false,
    });
    expect(house.gate.explain(run).facts).toContainEqual([
      'Backup',
      `${old.backupId} (kept as daily of 2026-11-01, last proved 2026-11-02)`,
    ]);
  });

  test('takes the only good copy, and the oldest under an older key before all others', async () => {
    await stored('2026-11-24', { keyId: 'k2' });
    await stored('2026-11-20');
    const old = await stored('2026-11-01', { in: ['west'] });

    const { plan } = await ask({ older: true });

    expect(VerifyPlan.parse(plan)).toMatchObject({
      base: { backupId: old.backupId },
      store: 'west',
      why: 'no other store has a good copy',
      which: 'the oldest under key k1; none under it was proved since key k2 came into use',
    });
  });

  test('is refused where there is none besides the newest, and beside a backup that is named', async () => {
    const { backupId } = await stored('2026-11-24');

    await expect(ask({ older: true })).rejects.toMatchObject({ kind: { code: 'VERIFY_NO_OLDER' } });
    await expect(ask({ older: true, backup: backupId })).rejects.toThrow(/without --older/);
  });
});

test('a second proof at once is told who runs the first, and since when', async () => {
  await stored('2026-11-24');
  const [begun, finish] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  work = async () => {
    begun.resolve();
    await finish.promise;
  };
  const first = await ask({});
  const running = house.gate.perform(first.runId, { signal: SIGNAL });
  await begun.promise;

  const second = await house.gate.perform((await ask({ store: 'west' })).runId, { signal: SIGNAL });
  finish.resolve();

  expect((await running).state).toBe('done');
  expect(second).toMatchObject({ state: 'failed', problem: { code: 'GATE_LEASE_HELD' } });
  expect(JSON.stringify(second.problem)).toMatch(
    new RegExp(`the run \\\\"${first.runId}\\\\": verify, asked by ANA, since 20\\d\\d-.* UTC`),
  );
});

/** Until it has done what is waited for. */
async function serving(until: () => Promise<boolean>): Promise<void> {
  const stop = new AbortController();
  const { gate, catalog } = house;
  const service = afterProofService({
    gate,
    catalog,
    verification: deps,
    audience: 'slack:C0OPS',
    clock: systemClock,
    log: silentLog,
  });
  const running = service.run({ signal: stop.signal, ready: () => undefined });
  await waitUntil(until);
  stop.abort();
  await running;
}

/** It has seen all that happened. */
async function hasRead(): Promise<boolean> {
  const { cursors, runs } = house.catalog;
  return (await cursors.get('verification:after-proof')) >= (await runs.newestSeq());
}

describe('afterProofService()', () => {
  test('asks for the oldest under an older key once a proof has ended, and is content then', async () => {
    await stored('2026-11-24', { keyId: 'k2' });
    const old = await stored('2026-11-01');
    const daily = await ask({}, CLOCK_ACTOR);
    await house.gate.perform(daily.runId, { signal: SIGNAL });

    await serving(async () => (await proofs()).length === 2);

    const asked = (await proofs()).find(({ runId }) => runId !== daily.runId);
    if (asked === undefined) throw new Error('Nothing was asked');
    expect(asked).toMatchObject({ state: 'approved', audience: 'slack:C0OPS' });
    expect(VerifyPlan.parse(asked.plan).base.backupId).toBe(old.backupId);
    await house.gate.perform(asked.runId, { signal: SIGNAL });
    await serving(hasRead);
    expect(await proofs()).toHaveLength(2);
  });

  test('asks once a day at most for what still could not be proved', async () => {
    await stored('2026-11-24', { keyId: 'k2' });
    await stored('2026-11-01');
    for (const store of ['here', 'west']) {
      const daily = await ask({ store }, CLOCK_ACTOR);
      await house.gate.perform(daily.runId, { signal: SIGNAL });
      await serving(hasRead);
    }

    expect((await proofs()).filter(({ state }) => state === 'approved')).toHaveLength(1);
  });

  test('asks again for what the clock had asked for while another proof was running, once', async () => {
    await stored('2026-11-24');
    await stored('2026-11-01');
    const [begun, finish] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    work = async () => {
      begun.resolve();
      await finish.promise;
    };
    const long = await ask({});
    const running = house.gate.perform(long.runId, { signal: SIGNAL });
    await begun.promise;
    const weekly = await ask({ older: true }, CLOCK_ACTOR);
    const byHand = await ask({ store: 'west' });
    for (const { runId } of [weekly, byHand]) await house.gate.perform(runId, { signal: SIGNAL });
    await serving(hasRead);
    expect(await proofs()).toHaveLength(3);
    finish.resolve();
    await running;

    await serving(hasRead);

    const again = (await proofs()).filter(({ state }) => state === 'approved');
    expect(again).toMatchObject([{ input: { server: 'shop', older: true } }]);
    await serving(hasRead);
    expect(await proofs()).toHaveLength(4);
  });
});
