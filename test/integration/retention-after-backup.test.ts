/** The service that asks for a removal after each backup, through a real gate and catalogue. */
import { afterEach, beforeEach, expect, test } from 'vitest';

import type { RunRecord } from '../../src/catalog/runs.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { afterBackupService } from '../../src/retention/after-backup.ts';
import { FEW, type RetentionHouse, resultOf, retentionHouse } from '../support/retention-house.ts';
import { listedIn, SHOP, signal } from '../support/retention-stores.ts';
import { toyOperation } from '../support/toy-operation.ts';
import { waitUntil } from '../support/wait-until.ts';

let house: RetentionHouse;

beforeEach(async () => {
  house = await retentionHouse([toyOperation('backup', 'low')]);
});

afterEach(async () => {
  await house[Symbol.asyncDispose]();
});

async function serving(work: () => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const { gate, catalog } = house.gate;
  const service = afterBackupService({
    gate,
    catalog,
    retention: house.deps,
    automatic: [SHOP],
    zone: 'UTC',
    audience: 'slack:C0OPS',
    clock: house.deps.clock,
    log: silentLog,
  });
  const running = service.run({ signal: stop.signal, ready: () => undefined });
  try {
    await work();
  } finally {
    stop.abort();
    await running;
  }
}

async function takeBackup(): Promise<void> {
  const run = await house.gate.row('backup', { input: { server: 'shop' } });
  await house.gate.gate.perform(run.runId, { signal });
}

async function asked(): Promise<readonly RunRecord[]> {
  const runs = await house.gate.catalog.runs.list({ limit: 100 });
  return runs.filter(({ operation }) => operation === 'retention');
}

test('after a backup it asks once, also for one that was made while it was down', async () => {
  await house.fill(FEW);
  await takeBackup();

  await serving(async () => {
    await waitUntil(async () => (await asked()).length > 0);
  });

  const [run] = await asked();
  expect(run).toMatchObject({ state: 'approved', danger: 'low', audience: 'slack:C0OPS' });
  if (run === undefined) throw new Error('Nothing was asked');
  resultOf(await house.gate.gate.perform(run.runId, { signal }));
  expect(await listedIn(house.here)).toHaveLength(9);
  await takeBackup();
  await serving(async () => {
    const { cursors, runs } = house.gate.catalog;
    const newest = await runs.newestSeq();
    await waitUntil(async () => (await cursors.get('retention:after-backup')) >= newest);
  });
  // Nothing is left to remove.
  expect(await asked()).toHaveLength(1);
});

test('what it may not decide alone becomes a finding, and is over when it is done', async () => {
  await house.fill(24);
  await takeBackup();
  const { findings } = house.gate.catalog;

  await serving(async () => {
    await waitUntil(async () => (await findings.list('shop')).length > 0);
  });

  expect(await findings.list('shop')).toMatchObject([
    { code: 'RETENTION_NEEDS_A_PERSON', severity: 'warn' },
  ]);
  expect(await asked()).toEqual([]);
  resultOf(await house.apply());
  await takeBackup();
  await serving(async () => {
    await waitUntil(async () => (await findings.list('shop')).length === 0);
  });
  expect(await listedIn(house.here)).toHaveLength(10);
});
