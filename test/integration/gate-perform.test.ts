/** Performing over a real catalogue: every way a run can end, and who performs it. */
import { describe, expect, test } from 'vitest';
import type { RunRecord } from '../../src/catalog/runs.ts';
import type { Run } from '../../src/gate/operation.ts';
import { runnerService } from '../../src/gate/runner.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { Problem } from '../../src/kernel/problem.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { codeOf, decide, OPERATIONS } from '../support/toy-decisions.ts';
import { ANA, BEN, CARL, SIGNAL, type ToyGate, toyGate } from '../support/toy-gate.ts';
import { toyOperation } from '../support/toy-operation.ts';

describe('perform()', () => {
  test('does the steps and ends done, with seconds and result', async () => {
    await using at = await toyGate({ operations: OPERATIONS });
    const run = await at.row('backup');

    const ended = await at.gate.perform(run.runId, { signal: SIGNAL });

    expect(ended).toMatchObject({ state: 'done', result: { ok: true }, problem: null });
    const kinds = (await at.gate.eventsAfter(0, 99)).map(({ kind }) => kind);
    expect(kinds).toEqual(['asked', 'started', 'step began', 'step ended', 'done']);
    expect(await at.catalog.leases.holderOf('toy:shop', '2000')).toBeUndefined();
  });

  test('tests the plan again under its locks, so that nobody can change the world in between', async () => {
    const held: (string | undefined)[] = [];
    const operation = toyOperation('backup', 'low', {
      recheck: async () => {
        held.push(await at.catalog.leases.holderOf('toy:shop', '2000'));
      },
    });
    await using at = await toyGate({ operations: [operation] });
    const run = await at.row('backup');

    await at.gate.perform(run.runId, { signal: SIGNAL });

    expect(held).toEqual([expect.stringContaining(run.runId)]);
  });

  test('does not start what waits for approval, for its parent, or has ended', async () => {
    await using at = await toyGate({ operations: OPERATIONS });
    const waiting = await at.row('repair');
    const done = await at.row('backup');
    await at.gate.perform(done.runId, { signal: SIGNAL });

    for (const run of [waiting, done])
      expect(await codeOf(at.gate.perform(run.runId, { signal: SIGNAL }))).toBe(
        'GATE_NOT_STARTABLE',
      );
  });

  test('fails when the asker or an approver has lost the role since', async () => {
    await using at = await toyGate({ operations: OPERATIONS });
    const run = await at.row('repair', { actor: CARL });
    await decide(at, run, { actor: BEN });
    at.roles.set('U0BEN', ['viewer']);

    const ended = await at.gate.perform(run.runId, { signal: SIGNAL });

    expect(ended).toMatchObject({
      state: 'failed',
      problem: { code: 'GATE_NOT_ALLOWED', fault: 'refused' },
    });
  });

  test('keeps the problem of an operation, and calls anything else a bug', async () => {
    const kind = { code: 'STORE_GONE', retry: 'later', hint: 'Mount it.', fault: 'world' } as const;
    await using at = await toyGate({
      operations: [
        toyOperation('gone', 'low', { run: () => Promise.reject(new Problem(kind, 'Gone')) }),
        toyOperation('bug', 'low', { run: () => Promise.reject(new TypeError('x of undefined')) }),
      ],
    });
    const gone = await at.row('gone');
    const bug = await at.row('bug');

    expect(await at.gate.perform(gone.runId, { signal: SIGNAL })).toMatchObject({
      state: 'failed',
      problem: { code: 'STORE_GONE', message: 'Gone', hint: 'Mount it.', retry: 'later' },
    });
    expect(await at.gate.perform(bug.runId, { signal: SIGNAL })).toMatchObject({
      state: 'failed',
      problem: { code: 'GATE_BUG' },
    });
  });

  test('refuses a lock that another run holds, naming that run', async () => {
    const begun = Promise.withResolvers<undefined>();
    const finish = Promise.withResolvers<undefined>();
    await using at = await toyGate({
      operations: [
        toyOperation('slow', 'low', {
          async run() {
            begun.resolve(undefined);
            await finish.promise;
            return { ok: true };
          },
        }),
        toyOperation('backup', 'low'),
      ],
    });
    const slow = await at.row('slow');
    const backup = await at.row('backup');
    const running = at.gate.perform(slow.runId, { signal: SIGNAL });
    await begun.promise;

    const refused = await at.gate.perform(backup.runId, { signal: SIGNAL });
    finish.resolve(undefined);

    expect(refused).toMatchObject({ state: 'failed', problem: { code: 'GATE_LEASE_HELD' } });
    expect(JSON.stringify(refused.problem)).toContain(slow.runId);
    expect(await running).toMatchObject({ state: 'done' });
  });

  test.each([
    ['here', 0],
    ['in another process, which arrives with the heartbeat', 1],
  ])('ends cancelled when it is cancelled %s', async (_where, other) => {
    const begun = Promise.withResolvers<undefined>();
    const operations = [toyOperation('slow', 'low', { run: (_, run) => endless(run, begun) })];
    await using at = await toyGate({ operations });
    await using second = await toyGate({ operations, path: at.path });
    const run = await at.row('slow');
    const running = at.gate.perform(run.runId, { signal: SIGNAL });
    await begun.promise;

    await decide([at, second][other] ?? at, run, { decision: 'cancel', actor: ANA });

    expect(await running).toMatchObject({
      state: 'cancelled',
      cancelAsked: true,
      problem: { code: 'GATE_CANCELLED' },
    });
  });

  test('ends interrupted when the process stops, and failed when its time is over', async () => {
    const begun = Promise.withResolvers<undefined>();
    const parts = { run: (_: unknown, run: Run) => endless(run, begun) };
    await using at = await toyGate({
      operations: [
        toyOperation('slow', 'low', parts),
        toyOperation('late', 'low', { ...parts, deadlineMs: 10 }),
      ],
    });
    const stop = new AbortController();
    const slow = await at.row('slow');
    const running = at.gate.perform(slow.runId, { signal: stop.signal });
    await begun.promise;
    stop.abort();

    expect(await running).toMatchObject({
      state: 'interrupted',
      problem: { code: 'GATE_SHUTDOWN' },
    });
    const late = await at.row('late');
    expect(await at.gate.perform(late.runId, { signal: SIGNAL })).toMatchObject({
      state: 'failed',
      problem: { code: 'GATE_DEADLINE' },
    });
  });

  test('aborts a run whose lease another process has taken, and leaves the end to that one', async () => {
    const begun = Promise.withResolvers<undefined>();
    await using at = await toyGate({
      operations: [toyOperation('slow', 'low', { run: (_, run) => endless(run, begun) })],
    });
    const run = await at.row('slow');
    const running = at.gate.perform(run.runId, { signal: SIGNAL });
    await begun.promise;

    await at.catalog.leases.release(`run:${run.runId}`, at.deps.processes.self);

    expect(await running).toMatchObject({ problem: { code: 'GATE_LEASE_LOST' } });
  });
});

function endless(run: Run, begun: PromiseWithResolvers<undefined>): Promise<never> {
  return run.step('wait', ({ signal }) => {
    begun.resolve(undefined);
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  });
}

describe('runnerService()', () => {
  test('performs what is approved, a follow-up only after its parent', async () => {
    await using at = await toyGate({ operations: OPERATIONS });
    const stop = new AbortController();
    const runner = runnerService({
      gate: at.gate,
      runs: at.catalog.runs,
      clock: systemClock,
      log: silentLog,
    });
    const asked = await at.ask('restore', { actor: CARL });
    const [, child] = asked.outcome === 'run' ? asked.runs : [];
    if (child === undefined) throw new Error('No follow-up was asked for');
    await decide(at, child.run, { actor: BEN });

    const running = runner.run({ signal: stop.signal, ready: () => undefined });
    await untilEnded(at, child.run);
    stop.abort();
    await running;

    const starts = (await at.gate.eventsAfter(0, 99)).filter(({ kind }) => kind === 'started');
    expect(starts).toHaveLength(2);
    expect(starts[1]?.runId).toBe(child.run.runId);
    expect(await at.gate.find(child.run.runId)).toMatchObject({ state: 'done' });
  });
});

describe('runnerService() with one place', () => {
  test('performs a queue one after the other, and does not spin when the claim fails', async () => {
    const clock = fakeClock();
    await using at = await toyGate({ operations: OPERATIONS });
    const queue = [await at.row('backup'), await at.row('backup'), await at.row('backup')];
    let calls = 0;
    const runner = runnerService({
      gate: {
        perform(runId, options) {
          calls += 1;
          if (calls === 1) return Promise.reject(new Error('disk is full'));
          return at.gate.perform(runId, options);
        },
      },
      runs: at.catalog.runs,
      clock,
      log: silentLog,
      limit: 1,
    });
    const stop = new AbortController();
    const running = runner.run({ signal: stop.signal, ready: () => undefined });
    await clock.untilAsleep(2);
    expect(calls).toBe(1);

    await clock.advance(5000);
    for (const run of queue) await untilEnded(at, run);
    stop.abort();
    await running;

    expect(calls).toBe(4);
  });
});

async function untilEnded(at: ToyGate, run: RunRecord): Promise<void> {
  for (;;) {
    const cursor = await at.catalog.runs.newestSeq();
    if ((await at.gate.find(run.runId))?.endedAt !== null) return;
    await at.gate.waitForEvents(cursor, { signal: SIGNAL });
  }
}
