/** The operation `retention`, through a real gate and catalogue, on stores in memory. */
import { afterEach, beforeEach, expect, test } from 'vitest';

import { removalLease } from '../../src/catalog/readers.ts';
import { manifestKey } from '../../src/engines/streaming/format.ts';
import { walStore } from '../../src/engines/streaming/wal-store.ts';
import { exitCodeOfRun } from '../../src/gate/exit-code.ts';
import { utcText } from '../../src/kernel/codecs.ts';
import { Problem } from '../../src/kernel/problem.ts';
import { lockOfNew } from '../../src/retention/locks.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import { REMOVE_DENIED, STORE_UNREACHABLE } from '../../src/storage/problems.ts';
import { retainingStore } from '../../src/storage/retaining-store.ts';
import { type FaultyStore, faultyStore } from '../support/faulty-store.ts';
import { objectKey } from '../support/object-keys.ts';
import { RULES } from '../support/retention-days.ts';
import {
  DATES,
  FEW,
  type RetentionHouse,
  resultOf,
  retentionHouse,
  summaryAt,
} from '../support/retention-house.ts';
import { keysOf, listedIn, put, residueIn, signal } from '../support/retention-stores.ts';
import { BEN, CLOCK_ACTOR, TERMINAL } from '../support/toy-gate.ts';

let house: RetentionHouse;

beforeEach(async () => {
  house = await retentionHouse();
});

afterEach(async () => {
  await house[Symbol.asyncDispose]();
});

function ids(dates: readonly string[]): readonly string[] {
  return dates.map((date) => `${date.replaceAll('-', '')}T020000Z`);
}

const KEPT = ids(['2026-11-08', '2026-11-15', ...DATES.slice(-8)]);

test('`retention` shows what stays and what goes, and touches nothing', async () => {
  await house.fill(24);
  const before = await keysOf(house.here);

  const { applied, keep, remove, freedBytes, wal } = await house.look();

  expect(applied).toBe(false);
  expect(keep.map(({ backupId }) => backupId).toReversed()).toEqual(KEPT);
  expect(remove).toHaveLength(DATES.length - KEPT.length);
  expect(freedBytes).toBeGreaterThan(0);
  expect(wal[0]?.removeSegments).toBeGreaterThan(0);
  expect(await keysOf(house.here)).toEqual(before);
});

test('a person who asks for it needs a colleague, and then what goes is gone from every store: manifests, packs and log', async () => {
  await house.fill(24);
  const planned = await house.look();

  const waiting = await house.gate.row('retention', { input: { server: 'shop', apply: true } });
  expect([waiting.state, waiting.danger]).toEqual(['waiting', 'high']);
  const { runId, planHash } = waiting;
  await house.gate.gate.decide({ runId, planHash, decision: 'approve', actor: BEN, signal });
  const result = resultOf(await house.gate.gate.perform(runId, { signal }));

  expect(result.applied).toBe(true);
  expect(result.remove).toHaveLength(planned.remove.length);
  expect(result.notApplied).toEqual([]);
  for (const store of [house.here, house.west]) {
    expect(await listedIn(store)).toEqual(KEPT);
    expect(await residueIn(store)).toEqual([]);
    const log = (await keysOf(store)).filter((key) => key.includes('/wal/'));
    // Two segments for each of 4 backups before the window, all from its base on, and the history.
    expect(log.length).toBeLessThan(60);
    expect(log.some((key) => key.endsWith('.history'))).toBe(true);
  }
  expect(
    (await house.gate.catalog.backups.list('shop')).map(({ backupId }) => backupId),
  ).toHaveLength(KEPT.length * 2);
  expect((await house.look()).remove).toEqual([]);
  expect((await house.look()).wal[0]?.removeSegments).toBe(0);
});

test('after a backup the bot does it by itself, a few at once; more of them need a person', async () => {
  await house.fill(FEW);
  const automaticRun = await house.gate.row('retention', {
    input: { server: 'shop', apply: true },
    actor: CLOCK_ACTOR,
  });
  expect([automaticRun.state, automaticRun.danger]).toEqual(['approved', 'low']);
  resultOf(await house.gate.gate.perform(automaticRun.runId, { signal }));
  expect(await listedIn(house.here)).toEqual(KEPT.slice(-9));

  house.here = faultyStore(memoryStore());
  house.west = faultyStore(memoryStore());
  await house.fill(24);
  const asking = house.gate.row('retention', {
    input: { server: 'shop', apply: true },
    actor: CLOCK_ACTOR,
  });
  await expect(asking).rejects.toMatchObject({ kind: { code: 'RETENTION_NEEDS_A_PERSON' } });
  house.automatic = false;
  await expect(
    house.gate.row('retention', { input: { server: 'shop', apply: true }, actor: CLOCK_ACTOR }),
  ).rejects.toMatchObject({ kind: { code: 'RETENTION_PLAN_OUTDATED' } });
});

test('a plan whose rules have changed since is not done', async () => {
  await house.fill(FEW);
  const run = await house.gate.row('retention', {
    input: { server: 'shop', apply: true },
    actor: CLOCK_ACTOR,
  });
  house.zone = 'Asia/Tokyo';

  const ended = await house.gate.gate.perform(run.runId, { signal });

  expect(ended.problem).toMatchObject({ code: 'RETENTION_PLAN_OUTDATED' });
  expect(await listedIn(house.here)).toHaveLength(16);
});

test('nothing is removed while a store or its holds cannot be read', async () => {
  await house.fill(FEW);
  house.west.failNext('list', new Problem(STORE_UNREACHABLE, 'The other coast is away'));

  const { trouble, remove } = await house.look();

  expect(trouble[0]).toContain('store "west" cannot be read: The other coast is away');
  expect(remove).toEqual([]);
  const run = house.gate.row('retention', {
    input: { server: 'shop', apply: true },
    actor: TERMINAL,
  });
  await run;
  house.west.failNext('list', new Problem(STORE_UNREACHABLE, 'The other coast is away'));
  await expect(
    house.gate.row('retention', { input: { server: 'shop', apply: true }, actor: TERMINAL }),
  ).rejects.toMatchObject({ kind: { code: 'RETENTION_BLOCKED' } });
});

test('nothing is removed while the clock of this machine is known to be wrong', async () => {
  await house.fill(FEW);
  const summary = 'The clock of this machine is 1 h ahead of that of shop';
  const finding = { code: 'CLOCK_DIFFERS', server: 'shop', severity: 'page', summary };
  const { findings } = house.gate.catalog;
  await findings.open({ code: 'CLOCK_DIFFERS', server: 'shop', finding, at: utcText(house.now) });

  expect(await house.look()).toMatchObject({ remove: [], blocked: [summary] });
  await findings.close('CLOCK_DIFFERS', 'shop');
  expect((await house.look()).remove).not.toEqual([]);
});

test('nothing is removed where another installation writes: its restores cannot be seen from here', async () => {
  await house.fill(FEW);
  await put(house.here, objectKey('shop/owner/000001-another'), '{}');

  const { remove, blocked } = await house.look();

  expect(remove).toEqual([]);
  expect(blocked[0]).toMatch(/^Cannot remove from "here" for "shop": another installation/);
});

test('a hold that is placed, a reader that comes and a proof that fails after the approval are seen before each removal', async () => {
  await house.fill(FEW);
  const [held, read, last] = [summaryAt(0), summaryAt(1), summaryAt(5)];
  const run = await house.gate.row('retention', {
    input: { server: 'shop', apply: true },
    actor: CLOCK_ACTOR,
  });
  await hold({ backup: held.backupId, reason: 'incident 42' });
  await house.addReader(read);
  for (const index of [6, 7, 8, 9, 10, 11, 12, 13, 14])
    await house.mark(summaryAt(index).backupId, 'FAIL');

  const result = resultOf(await house.gate.gate.perform(run.runId, { signal }));

  const stayed = new Map(result.stayed.map(({ backupId, why }) => [backupId, why]));
  expect(stayed.get(held.backupId)).toContain('held: incident 42');
  expect(stayed.get(read.backupId)).toContain('read by run r-');
  expect(stayed.get(last.backupId)).toContain('last verified');
  const log = (await keysOf(house.here)).filter((key) => key.includes('/wal/00000001/'));
  // The reader replays everything from its backup on.
  expect(log.length).toBeGreaterThan(50);
});

test('whoever begins to read waits while something is being removed, and the removal sees who was first', async () => {
  await house.fill(FEW);
  const names: (string | undefined)[] = [];
  const inner = house.here;
  house.here = Object.assign(faultyStore(inner), {
    remove: async (...call: Parameters<FaultyStore['remove']>) => {
      if (call[0].endsWith('/manifest'))
        names.push(
          await house.gate.catalog.leases.holderOf(removalLease('shop'), utcText(house.now)),
        );
      await inner.remove(...call);
    },
  });

  resultOf(await house.apply(CLOCK_ACTOR));

  expect(names.length).toBeGreaterThan(0);
  expect(names.every((name) => name?.startsWith('retention r-'))).toBe(true);
  expect(
    await house.gate.catalog.leases.holderOf(removalLease('shop'), utcText(house.now)),
  ).toBeUndefined();
});

test('a store that may not remove keeps everything, and so do those that are copied from it; the finding says what to do', async () => {
  await house.fill(FEW);
  const denied = new Problem(REMOVE_DENIED, 'Cannot remove: the writer may not do it');
  const inner = house.here;
  house.here = Object.assign(faultyStore(inner), { remove: async () => Promise.reject(denied) });

  const run = await house.apply(CLOCK_ACTOR);
  const result = resultOf(run);

  expect(result.notApplied).toMatchObject([{ store: 'here', code: 'STORAGE_REMOVE_DENIED' }]);
  expect(result.notApplied[0]?.hint).toContain('`deleter`');
  expect(exitCodeOfRun(run, house.gate.deps.registry.find('retention'))).toBe(4);
  expect(await listedIn(house.here)).toHaveLength(16);
  expect(await listedIn(house.west)).toHaveLength(16);
  expect(await house.gate.catalog.findings.list('shop')).toMatchObject([
    { code: 'RETENTION_NOT_APPLIED' },
  ]);

  house.here = inner;
  resultOf(await house.apply(CLOCK_ACTOR));
  expect(await house.gate.catalog.findings.list('shop')).toEqual([]);
  expect(await listedIn(house.here)).toEqual(await listedIn(house.west));
});

test('what is locked stays until its time and is no error, and what was promoted is locked for longer', async () => {
  house.here = faultyStore(
    retainingStore(memoryStore({ locks: house.deps.clock }), (key) =>
      lockOfNew(key, RULES, { now: Temporal.Instant.from('2026-11-24T02:00:00Z'), zone: 'UTC' }),
    ),
  );
  await house.fill(FEW);

  const first = resultOf(await house.apply(TERMINAL));

  expect(first.remove).toEqual([]);
  expect(first.keep.flatMap(({ reasons }) => reasons)).toContain(
    'locked until 2026-12-03 02:00:00 UTC in here',
  );
  expect(first.notApplied).toEqual([]);
  // The second week of November is over, and its newest backup stands for it.
  const week = manifestKey(summaryAt(6), summaryAt(6).backupId);
  expect(await house.here.locks?.retainedUntil(week, { signal })).toEqual(
    Temporal.Instant.from('2026-12-20T02:00:00Z'),
  );
  house.now = Temporal.Instant.from('2026-12-04T02:00:00Z');
  const second = resultOf(await house.apply(TERMINAL));
  expect(second.remove.length).toBeGreaterThan(0);
  expect(await listedIn(house.here)).toContain(summaryAt(6).backupId);
});

async function hold(input: { readonly [key: string]: unknown }): Promise<void> {
  const run = await house.gate.row('hold', { input, actor: TERMINAL });
  const { problem } = await house.gate.gate.perform(run.runId, { signal });
  if (problem !== null) throw new Error(JSON.stringify(problem));
}

test('what was thinned out counts as missing for nobody, not even with a new catalogue', async () => {
  await house.fill(FEW);
  const { here: store, ring } = house;
  const { segmentBytes } = summaryAt(0);
  const place = { store, ring, folder: summaryAt(0), segmentBytes, signal };

  resultOf(await house.apply(CLOCK_ACTOR));

  const after = await walStore.inventory(place);
  expect(after.runs.length).toBeGreaterThan(1);
  expect(after.missing).toEqual([]);
  const [lost = ''] = (await keysOf(store, '15-7341/wal/00000001/')).slice(-3);
  await store.remove(objectKey(lost), { signal });
  expect((await walStore.inventory(place)).missing).toHaveLength(1);
});
