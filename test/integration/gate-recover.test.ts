/** Recovery, expiry, and the gate's own operations over a real catalogue. */
import { describe, expect, test } from 'vitest';

import type { RunRecord } from '../../src/catalog/runs.ts';
import { ownOperations } from '../../src/gate/own-operations.ts';
import type { Processes } from '../../src/gate/processes.ts';
import { type RecoverDeps, recover, recoverService } from '../../src/gate/recover.ts';
import { createJournal } from '../../src/journal/journal.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { utcText } from '../../src/kernel/codecs.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { Problem } from '../../src/kernel/problem.ts';
import { OBJECT_LOCKED, REMOVE_DENIED, STORE_UNREACHABLE } from '../../src/storage/problems.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';
import { CARL, DORA, SIGNAL, TERMINAL, type ToyGate, toyGate } from '../support/toy-gate.ts';
import { toyOperation } from '../support/toy-operation.ts';

const OPERATIONS = [toyOperation('backup', 'low'), toyOperation('repair', 'high')];

function processes(gone: readonly string[]): Processes {
  return { self: 'host:1:me', isGone: (holder) => gone.includes(holder) };
}

/** Performed by somebody else, whose lease lasts for so long. */
async function heldRun(at: ToyGate, leaseMs: number): Promise<RunRecord> {
  const run = await at.row('backup');
  const now = systemClock.now();
  const leaseUntil = utcText(now.add({ milliseconds: leaseMs }));
  const claim = { runId: run.runId, holder: 'host:2:other', at: utcText(now), leaseUntil };
  await at.catalog.runs.claim(claim);
  return run;
}

function recoverAt(at: ToyGate, change: Partial<RecoverDeps> = {}): ReturnType<typeof recover> {
  const deps = { ...at.deps, sweepers: [], processes: processes([]), ...change };
  return recover(deps, { signal: SIGNAL });
}

describe('recover()', () => {
  test('leaves a run alone while its lease lasts and nobody knows that its process is gone', async () => {
    await using at = await toyGate({ operations: OPERATIONS });
    const run = await heldRun(at, 60_000);

    expect((await recoverAt(at)).interrupted).toEqual([]);
    expect(await at.gate.find(run.runId)).toMatchObject({ state: 'running' });
  });

  test('closes a run whose lease is over, wherever its process was', async () => {
    await using at = await toyGate({ operations: OPERATIONS });
    const run = await heldRun(at, -1);

    await recoverAt(at);

    expect(await at.gate.find(run.runId)).toMatchObject({ state: 'interrupted' });
  });

  test('closes a run at once when its process is known to be gone', async () => {
    await using at = await toyGate({ operations: OPERATIONS });
    const run = await heldRun(at, 60_000);

    await recoverAt(at, { processes: processes(['host:2:other']) });

    expect(await at.gate.find(run.runId)).toMatchObject({ state: 'interrupted' });
  });

  test('cancels what only a terminal that is gone could have started', async () => {
    await using at = await toyGate({ operations: OPERATIONS });
    const run = await at.row('backup', { actor: TERMINAL, performer: 'this process' });

    await recoverAt(at, { processes: processes([at.deps.processes.self]) });

    expect(await at.gate.find(run.runId)).toMatchObject({ state: 'cancelled' });
  });

  test('ends what nobody approved in time', async () => {
    await using at = await toyGate({ operations: OPERATIONS });
    const run = await at.row('repair', { actor: CARL });
    const clock = fakeClock(utcText(systemClock.now().add({ minutes: 31 })));

    expect((await recoverAt(at, { clock })).expired).toMatchObject([{ runId: run.runId }]);
    expect((await at.gate.eventsAfter(0, 9)).at(-1)).toMatchObject({ kind: 'expired' });
  });

  test('keeps a claim whose sweeper failed, and tries again next time', async () => {
    await using at = await toyGate({ operations: OPERATIONS });
    const run = await heldRun(at, -1);
    const claim = { runId: run.runId, kind: 'slot', reference: { name: 's' } };
    await at.catalog.resources.claim({ ...claim, claimedAt: utcText(systemClock.now()) });
    let calls = 0;
    const sweepers = [
      {
        kind: 'slot',
        sweep() {
          calls += 1;
          return calls === 1 ? Promise.reject(new Error('no server')) : Promise.resolve();
        },
      },
    ];

    expect((await recoverAt(at, { sweepers })).swept).toEqual([]);
    expect((await recoverAt(at, { sweepers })).swept).toMatchObject([{ kind: 'slot' }]);
    expect(await at.catalog.resources.list()).toEqual([]);
  });

  test('never sweeps what a run that is done still claims', async () => {
    await using at = await toyGate({ operations: OPERATIONS });
    const run = await at.row('backup');
    await at.gate.perform(run.runId, { signal: SIGNAL });
    const claim = { runId: run.runId, kind: 'backup packs', reference: {} };
    await at.catalog.resources.claim({ ...claim, claimedAt: utcText(systemClock.now()) });
    const swept: unknown[] = [];
    const sweepers = [
      {
        kind: 'backup packs',
        sweep(reference: unknown) {
          swept.push(reference);
          return Promise.resolve();
        },
      },
    ];

    await recoverAt(at, { sweepers });

    expect(swept).toEqual([]);
    expect(await at.catalog.resources.list()).toHaveLength(1);
  });
});

describe('recoverService(), over a claim that cannot be taken back', () => {
  const MINUTE_MS = 60_000;
  const ROUND_MS = 15_000;

  interface Claim {
    tried: number;
    warned: number;
    readonly clock: FakeClock;
    pass(durationMs: number): Promise<void>;
    isThere(): Promise<boolean>;
  }

  /** `fails` is asked at each try. */
  async function withClaim(
    fails: (now: Temporal.Instant) => Problem | undefined,
    work: (claim: Claim) => Promise<void>,
  ): Promise<void> {
    await using at = await toyGate({ operations: OPERATIONS });
    const clock = fakeClock(utcText(systemClock.now()));
    const { runId } = await heldRun(at, -1);
    const { resources } = at.catalog;
    const claimedAt = utcText(clock.now());
    await resources.claim({ runId, kind: 'backup packs', reference: {}, claimedAt });
    const claim: Claim = {
      tried: 0,
      warned: 0,
      clock,
      async pass(durationMs) {
        for (let passedMs = 0; passedMs < durationMs; passedMs += ROUND_MS) {
          await clock.advance(ROUND_MS);
          await clock.untilAsleep(1);
        }
      },
      isThere: async () => (await resources.list()).length > 0,
    };
    const log = {
      ...silentLog,
      with: () => ({ ...silentLog, warn: () => void (claim.warned += 1) }),
    };
    async function sweep(): Promise<void> {
      claim.tried += 1;
      const problem = fails(clock.now());
      if (problem !== undefined) throw problem;
    }
    const sweepers = [{ kind: 'backup packs', sweep }];
    const service = recoverService({
      ...at.deps,
      processes: processes([]),
      sweepers,
      clock,
      log,
    });
    const stopping = new AbortController();
    const ended = service.run({ signal: stopping.signal, ready: () => undefined });
    await clock.untilAsleep(1);
    try {
      await work(claim);
    } finally {
      stopping.abort(new Error('The test stops it'));
      await ended;
    }
  }

  test('tries after an hour what was refused, and tells it no more often', async () => {
    await withClaim(
      () => new Problem(REMOVE_DENIED, 'It is denied'),
      async (claim) => {
        await claim.pass(59 * MINUTE_MS);
        expect([claim.tried, claim.warned]).toEqual([1, 1]);
        await claim.pass(2 * MINUTE_MS);
        expect([claim.tried, claim.warned]).toEqual([2, 2]);
      },
    );
  });

  test('waits for the end of a lock', async () => {
    const until = systemClock.now().add({ minutes: 80 });
    const facts = { until: utcText(until) };
    await withClaim(
      (now) =>
        Temporal.Instant.compare(now, until) < 0
          ? new Problem(OBJECT_LOCKED, 'It is locked', { facts })
          : undefined,
      async (claim) => {
        await claim.pass(79 * MINUTE_MS);
        expect([claim.tried, await claim.isThere()]).toEqual([1, true]);
        await claim.pass(2 * MINUTE_MS);
        expect([claim.tried, await claim.isThere()]).toEqual([2, false]);
      },
    );
  });

  test('tries soon what only failed, then more and more seldom', async () => {
    let isAway = true;
    await withClaim(
      () => (isAway ? new Problem(STORE_UNREACHABLE, 'It is away') : undefined),
      async (claim) => {
        await claim.pass(MINUTE_MS);
        expect(claim.tried).toBe(3);
        await claim.pass(59 * MINUTE_MS);
        expect(claim.tried).toBeLessThan(10);
        isAway = false;
        await claim.pass(61 * MINUTE_MS);
        expect(await claim.isThere()).toBe(false);
      },
    );
  });
});

async function ownGate(): Promise<ToyGate> {
  const base = await toyGate({ operations: OPERATIONS });
  const own = ownOperations({
    gate: () => base.gate,
    runs: base.catalog.runs,
    journal: createJournal(base.catalog.journal),
  });
  const second = await toyGate({ operations: [...OPERATIONS, ...own], path: base.path });
  return {
    ...second,
    async [Symbol.asyncDispose]() {
      await second[Symbol.asyncDispose]();
      await base[Symbol.asyncDispose]();
    },
  };
}

describe('the own operations', () => {
  test('`runs` tells who asked for what, with steps and result', async () => {
    await using at = await ownGate();
    const run = await at.row('backup');
    await at.gate.perform(run.runId, { signal: SIGNAL });

    expect(await at.ask('runs', { actor: DORA, input: { server: 'shop' } })).toMatchObject({
      outcome: 'answered',
      result: {
        runs: [
          {
            runId: run.runId,
            operation: 'backup',
            state: 'done',
            asker: { id: 'U0ANA' },
            steps: [{ title: 'work', outcome: 'done' }],
            result: { ok: true },
          },
        ],
      },
    });
    expect(await at.ask('runs', { input: { server: 'books' } })).toMatchObject({
      result: { runs: [] },
    });
  });

  test('`cancel` ends what waits, for who may, and says why not', async () => {
    await using at = await ownGate();
    const run = await at.row('repair', { actor: CARL });
    const input = { run: run.runId };

    await expect(at.ask('cancel', { actor: DORA, input })).rejects.toMatchObject({
      kind: { code: 'GATE_NOT_ALLOWED', fault: 'refused' },
    });
    expect(await at.ask('cancel', { actor: CARL, input })).toMatchObject({
      result: { runId: run.runId, state: 'cancelled' },
    });
    await expect(at.ask('cancel', { input: { run: 'r-1' } })).rejects.toMatchObject({
      kind: { code: 'GATE_RUN_UNKNOWN' },
    });
  });

  test('`journal --verify` says whether the chain holds', async () => {
    await using at = await ownGate();
    await at.row('backup');

    expect(await at.ask('journal', { input: { verify: true } })).toMatchObject({
      exitCode: 0,
      result: { entries: [{ seq: 1, what: 'asked' }], chain: { holds: true, count: 1 } },
    });
  });
});
