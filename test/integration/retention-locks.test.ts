/** Locks are made longer after a backup, after a hold and each day, whatever holds up a removal. */
import { afterEach, beforeEach, expect, test } from 'vitest';

import { manifestKey, packKey } from '../../src/engines/streaming/format.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { Problem } from '../../src/kernel/problem.ts';
import type { Service } from '../../src/kernel/service.ts';
import { afterBackupService } from '../../src/retention/after-backup.ts';
import { keepLocks, lockService } from '../../src/retention/keep-locks.ts';
import { lockOfNew } from '../../src/retention/locks.ts';
import { removedBackupSweeper } from '../../src/retention/remove-backups.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import type { ObjectKey, ObjectLocks, ObjectStore } from '../../src/storage/object-store.ts';
import { STORE_DENIED } from '../../src/storage/problems.ts';
import { retainingStore } from '../../src/storage/retaining-store.ts';
import { type AbsentStore, absentStore } from '../support/absent-store.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { faultyStore } from '../support/faulty-store.ts';
import { RULES } from '../support/retention-days.ts';
import { FEW, type RetentionHouse, retentionHouse, summaryAt } from '../support/retention-house.ts';
import { keysOf, put, putDay, SHOP, signal } from '../support/retention-stores.ts';
import { TERMINAL } from '../support/toy-gate.ts';
import { toyOperation } from '../support/toy-operation.ts';
import { waitUntil } from '../support/wait-until.ts';

/** The newest of the second week of November, which is over. */
const WEEKLY = summaryAt(6);
/** As every backup is locked, and as one that stands for a week is. */
const [DAILY_LOCK, WEEKLY_LOCK] = ['2026-12-03T02:00:00Z', '2026-12-20T02:00:00Z'];

let house: RetentionHouse;
let here: AbsentStore;
/** How often a lock was set in the other store. */
let setInWest: ObjectKey[];
let westRefuses: Problem | undefined;

beforeEach(async () => {
  house = await retentionHouse([toyOperation('backup', 'low')]);
  here = absentStore(lockingStore());
  setInWest = [];
  westRefuses = undefined;
  house.here = faultyStore(here);
  house.west = faultyStore(watched(lockingStore()));
  await house.fill(FEW);
});

afterEach(async () => {
  await house[Symbol.asyncDispose]();
});

test('after a backup, where the first store is away, nothing is proved, and the config removes nothing', async () => {
  for (let index = 0; index < FEW; index += 1) await house.mark(summaryAt(index).backupId, 'ERROR');
  here.isAway = true;

  await afterBackups(1);

  expect(await lockOf(house.west)).toBe(WEEKLY_LOCK);
  expect(await lockOf(here)).toBe(DAILY_LOCK);
  expect(await house.gate.catalog.findings.list('shop')).toMatchObject([
    { code: 'RETENTION_LOCKS_SHORT', severity: 'warn' },
  ]);
  const once = setInWest.length;
  here.isAway = false;

  await afterBackups(2);

  expect(await lockOf(here)).toBe(WEEKLY_LOCK);
  expect(await house.gate.catalog.findings.list('shop')).toEqual([]);
  // What was done is not done again.
  expect(setInWest).toHaveLength(once);
});

test('a store that refuses keeps no other from it, and people hear of it', async () => {
  westRefuses = new Problem(STORE_DENIED, 'Cannot lock: s3:PutObjectRetention is denied');

  const { failures } = await keepLocks(house.deps, SHOP, { signal });

  expect(failures).toMatchObject([{ store: 'west' }]);
  expect(await lockOf(here)).toBe(WEEKLY_LOCK);
  expect(await house.gate.catalog.findings.list('shop')).toMatchObject([
    {
      summary:
        'Backups of shop in "west" are not locked for as long as they should stay: Cannot lock: s3:PutObjectRetention is denied',
      hint: STORE_DENIED.hint,
    },
  ]);
});

test('a lock is never made shorter, and what was put before the store kept locks is no trouble', async () => {
  const until = Temporal.Instant.from('2028-01-01T00:00:00Z');
  await here.locks?.retain(keyOf(WEEKLY), until, { signal });
  const unlocked = memoryStore({ locks: house.deps.clock });
  const old = await putDay([unlocked], house.ring, { date: '2026-11-09', number: 1 });
  house.west = faultyStore(watched(unlocked));

  const { failures } = await keepLocks(house.deps, SHOP, { signal });

  expect(await lockOf(here)).toBe(until.toString());
  expect(failures).toEqual([]);
  expect(setInWest).not.toContain(keyOf(old));
});

test('right after `hold`, for as long as it holds, and the answer says where that failed', async () => {
  const held = summaryAt(0);
  westRefuses = new Problem(STORE_DENIED, 'Cannot lock: it is denied');
  const input = { backup: held.backupId, reason: 'audit', until: '2027-06-30' };

  const { runId } = await house.gate.row('hold', { input, actor: TERMINAL });
  const { result, problem } = await house.gate.gate.perform(runId, { signal });

  expect(problem).toBeNull();
  expect(await lockOf(here, held)).toBe('2027-07-01T00:00:00Z');
  expect(result).toMatchObject({
    missedStores: [],
    notLocked: [{ store: 'west', reason: 'Cannot lock: it is denied' }],
  });
});

test('a week that ends while no backup can be taken is locked for, within a day', async () => {
  const clock = fakeClock('2026-11-22T14:00:00Z');
  const newest = summaryAt(14 - 1);
  house.west = faultyStore(lockingStore());
  await putDay([house.west], house.ring, { date: '2026-11-22', number: 13 });
  here.isAway = true;
  const running = start(lockService({ ...house.deps, clock }));
  await clock.untilAsleep(1);
  expect(await lockOf(house.west, newest)).toBe(DAILY_LOCK);

  await clock.advance(24 * 3_600_000);
  await clock.untilAsleep(1);
  await running.stop();

  expect(await lockOf(house.west, newest)).toBe('2026-12-27T02:00:00Z');
});

test('what a dead removal left goes but for what is locked, which is waited for', async () => {
  const { server, backupId, major, systemId } = summaryAt(0);
  const store = memoryStore({ locks: house.deps.clock });
  const [first, second] = ['pack-0001', 'pack-0002'].map((name) =>
    packKey(summaryAt(0), backupId, name),
  );
  if (first === undefined || second === undefined) throw new TypeError('Two packs were named');
  for (const key of [first, second]) await put(store, key, 'pack');
  const until = Temporal.Instant.from(DAILY_LOCK);
  await store.locks?.retain(first, until, { signal });
  const sweeper = removedBackupSweeper({ storesOf: () => [{ name: 'here', store }] });
  const reference = { server, store: 'here', backupId, major, systemId };

  const swept = sweeper.sweep(reference, { signal, log: silentLog });

  await expect(swept).rejects.toMatchObject({ kind: { code: 'STORAGE_OBJECT_LOCKED' } });
  expect(await keysOf(store)).toEqual([first]);
});

function lockingStore(): ObjectStore {
  const now = Temporal.Instant.from('2026-11-24T02:00:00Z');
  return retainingStore(memoryStore({ locks: house.deps.clock }), (key) =>
    lockOfNew(key, RULES, { now, zone: 'UTC' }),
  );
}

function watched(inner: ObjectStore): ObjectStore {
  const { locks } = inner;
  if (locks === undefined) throw new TypeError('It keeps no locks');
  const watching: ObjectLocks = {
    async retain(key, until, options) {
      if (westRefuses !== undefined) throw westRefuses;
      setInWest.push(key);
      await locks.retain(key, until, options);
    },
    retainedUntil: async (...args) => locks.retainedUntil(...args),
  };
  return Object.assign(faultyStore(inner), { locks: watching });
}

function keyOf(summary: typeof WEEKLY): ObjectKey {
  return manifestKey(summary, summary.backupId);
}

async function lockOf(store: ObjectStore, summary = WEEKLY): Promise<string | undefined> {
  const until = await store.locks?.retainedUntil(keyOf(summary), { signal });
  return until?.toString();
}

/** Takes one, and serves until the service has seen it. */
async function afterBackups(count: number): Promise<void> {
  const { gate, catalog } = house.gate;
  const run = await house.gate.row('backup', { input: { server: 'shop' } });
  await gate.perform(run.runId, { signal });
  const running = start(
    afterBackupService({
      gate,
      catalog,
      retention: house.deps,
      automatic: [],
      zone: 'UTC',
      audience: undefined,
      clock: house.deps.clock,
      log: silentLog,
    }),
  );
  const newest = await catalog.runs.newestSeq();
  await waitUntil(async () => (await catalog.cursors.get('retention:after-backup')) >= newest);
  await running.stop();
  const runs = await catalog.runs.list({ limit: 100 });
  expect(runs.filter(({ operation }) => operation === 'backup')).toHaveLength(count);
  expect(runs.filter(({ operation }) => operation === 'retention')).toEqual([]);
}

function start(service: Service): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const ended = service.run({ signal: stopping.signal, ready: () => undefined });
  return {
    async stop() {
      stopping.abort(new Error('The test stops it'));
      await ended;
    },
  };
}
