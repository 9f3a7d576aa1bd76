/** The operations of retention behind a real gate and catalogue, on two stores in memory. */

import { requireNoOtherOwner } from '../../src/archiving/store-guard.ts';
import type { RunRecord } from '../../src/catalog/runs.ts';
import type { KeyRing } from '../../src/encryption/key-ring.ts';
import type { BackupSummary } from '../../src/engines/engine.ts';
import { streamingEngine } from '../../src/engines/streaming/streaming-engine.ts';
import type { AnyOperation } from '../../src/gate/operation.ts';
import type { Actor } from '../../src/gate/people.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { utcText } from '../../src/kernel/codecs.ts';
import { type BackupId, newRunId } from '../../src/kernel/ids.ts';
import type { RetentionDeps } from '../../src/retention/deps.ts';
import { retentionOperations } from '../../src/retention/operations.ts';
import { RetentionResult } from '../../src/retention/schema.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import { type FaultyStore, faultyStore } from './faulty-store.ts';
import { datesFrom, RULES } from './retention-days.ts';
import { putDay, signal, summaryOf, testRing } from './retention-stores.ts';
import { TERMINAL, type ToyGate, toyGate } from './toy-gate.ts';

export const DATES = datesFrom('2026-11-01', 24);
const NOW = '2026-11-24T02:11:00Z';

/** Days of a life that is just too long for the bot to thin it out alone. */
export const FEW = 16;

export interface RetentionHouse extends AsyncDisposable {
  readonly ring: KeyRing;
  readonly gate: ToyGate;
  readonly deps: RetentionDeps;
  here: FaultyStore;
  west: FaultyStore;
  zone: string;
  automatic: boolean;
  now: Temporal.Instant;
  /** The newest days of `DATES`, a backup each, all proved but the last. */
  fill(count: number): Promise<void>;
  mark(backupId: BackupId, verdict: string): Promise<void>;
  /** Asks, approves where that is needed, and performs. */
  apply(actor?: Actor): Promise<RunRecord>;
  look(): Promise<RetentionResult>;
  /** A run that waits for its turn, as `restore` writes it. */
  addReader(base: BackupSummary): Promise<void>;
}

export async function retentionHouse(
  others: readonly AnyOperation[] = [],
): Promise<RetentionHouse> {
  const clock = { ...systemClock, now: () => house.now };
  const deps: RetentionDeps = {
    engine: streamingEngine({ connectionUrl: () => '', clock }),
    ring: testRing(),
    storesOf: () => [
      { name: 'here', store: house.here },
      { name: 'west', store: house.west },
    ],
    get servers() {
      return { shop: { retention: { ...RULES, automatic: house.automatic } } };
    },
    get zone() {
      return house.zone;
    },
    get catalog() {
      return house.gate.catalog;
    },
    clock,
    requireOwn: async (name, { name: storeName, store }, options) =>
      requireNoOtherOwner({ name, storeName, store }, house.gate, options),
  };
  const house: RetentionHouse = {
    ring: deps.ring,
    gate: await toyGate({ operations: [...retentionOperations(deps), ...others] }),
    deps,
    here: faultyStore(memoryStore()),
    west: faultyStore(memoryStore()),
    zone: 'UTC',
    automatic: true,
    now: Temporal.Instant.from(NOW),
    fill: async (count) => fill(house, count),
    mark: async (backupId, verdict) => mark(house, backupId, verdict),
    apply: async (actor = TERMINAL) => apply(house, actor),
    look: async () => look(house),
    addReader: async (base) => addReader(house, base),
    [Symbol.asyncDispose]: async () => house.gate[Symbol.asyncDispose](),
  };
  return house;
}

/** Of a house that was filled with `FEW` days. */
export function summaryAt(index: number): BackupSummary {
  return summaryOf({ date: DATES.slice(-FEW)[index] ?? '', number: index });
}

async function fill(house: RetentionHouse, count: number): Promise<void> {
  const { here, west, ring, gate } = house;
  for (const [number, date] of DATES.slice(-count).entries()) {
    const summary = await putDay([here, west], ring, { date, number });
    const { server, backupId } = summary;
    for (const store of ['here', 'west'])
      await gate.catalog.backups.record({ server, backupId, store, summary: { ...summary } });
    if (date !== DATES.at(-1)) await house.mark(backupId, 'PASS');
  }
}

async function mark(
  { gate, now }: RetentionHouse,
  backupId: BackupId,
  verdict: string,
): Promise<void> {
  const row = { server: 'shop', backupId, store: 'here', verdict, at: utcText(now) };
  await gate.catalog.backups.markVerified({ ...row, runId: newRunId(now) });
}

async function apply({ gate: toy }: RetentionHouse, actor: Actor): Promise<RunRecord> {
  const { gate } = toy;
  const run = await toy.row('retention', { input: { server: 'shop', apply: true }, actor });
  if (run.state === 'waiting') {
    const { runId, planHash } = run;
    await gate.decide({ runId, planHash, actor, decision: 'approve', reason: 'test', signal });
  }
  return await gate.perform(run.runId, { signal });
}

/** What a run answered; throws when it failed. */
export function resultOf(run: RunRecord): RetentionResult {
  if (run.problem !== null) throw new Error(JSON.stringify(run.problem));
  return RetentionResult.parse(run.result);
}

async function look({ gate }: RetentionHouse): Promise<RetentionResult> {
  const asked = await gate.ask('retention');
  if (asked.outcome !== 'answered') throw new Error('It was not a look');
  return RetentionResult.parse(asked.result);
}

async function addReader({ gate, now }: RetentionHouse, base: BackupSummary): Promise<void> {
  await gate.catalog.runs.create(
    [
      {
        runId: newRunId(now),
        operation: 'restore',
        server: 'shop',
        state: 'approved',
        danger: 'low',
        input: {},
        plan: { server: 'shop', store: 'here', base: { ...base } },
        planHash: 'x',
        outlook: null,
        asker: { ...TERMINAL },
        audience: null,
        after: null,
        performer: null,
        askedAt: utcText(now),
        expiresAt: null,
      },
    ],
    {},
  );
}
