/** What a terminal may do alone, over a real catalogue: approvals by `--yes --reason`, and what waits. */
import { describe, expect, test } from 'vitest';

import type { Answer } from '../../src/cli/answer.ts';
import { type Asking, askAtTerminal } from '../../src/cli/operation-command.ts';
import type { AnyOperation } from '../../src/gate/operation.ts';
import { recover } from '../../src/gate/recover.ts';
import { SIGNAL, TERMINAL, type ToyGate, toyGate } from '../support/toy-gate.ts';
import { toyOperation } from '../support/toy-operation.ts';

const READER = { zone: 'UTC', now: Temporal.Instant.from('2026-11-22T15:00:00Z') };

function asking(operation: string, change: Partial<Asking> = {}): Asking {
  const input = { server: 'shop' };
  return { operation, input, isPlan: false, isYes: false, reason: undefined, ...change };
}

async function answerOf(toy: ToyGate, asked: Asking, signal = SIGNAL): Promise<Answer> {
  const { gate, catalog, deps } = toy;
  return await askAtTerminal(
    {
      house: {
        gate,
        registry: deps.registry,
        recover: (options) => recover({ ...deps, sweepers: [] }, options),
        newestSeq: () => catalog.runs.newestSeq(),
        eventsOf: (runId) => catalog.runs.eventsOf(runId),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      },
      actor: TERMINAL,
      reader: READER,
      terminal: {
        out: () => undefined,
        err: () => undefined,
        isScreen: false,
        environment: {},
        directory: '/',
      },
      signal,
    },
    asked,
  );
}

function withFollowUp(): readonly AnyOperation[] {
  return [
    toyOperation('restore', 'low', {
      followUps: () => [{ operation: 'restore-tables', input: { server: 'shop' } }],
    }),
    toyOperation('restore-tables', 'high'),
  ];
}

async function states(toy: ToyGate): Promise<Record<string, string>> {
  const runs = await toy.catalog.runs.list({ limit: 10 });
  return Object.fromEntries(runs.map(({ operation, state }) => [operation, state]));
}

describe('a terminal', () => {
  test('performs what harms nobody, and tells its run and its steps', async () => {
    await using toy = await toyGate({ operations: [toyOperation('backup', 'low')] });

    const answer = await answerOf(toy, asking('backup'));

    expect(answer).toMatchObject({
      exitCode: 0,
      json: { ok: true, state: 'done', steps: [{ title: 'work', outcome: 'done' }] },
    });
  });

  test('is refused what touches production without --yes, and leaves nothing waiting', async () => {
    await using toy = await toyGate({ operations: [toyOperation('forget', 'high')] });

    await expect(answerOf(toy, asking('forget'))).rejects.toMatchObject({
      kind: { code: 'CLI_APPROVAL_NEEDED', fault: 'refused' },
    });
    expect(await states(toy)).toEqual({ forget: 'cancelled' });
  });

  test('must say why', async () => {
    await using toy = await toyGate({ operations: [toyOperation('forget', 'high')] });

    const asked = asking('forget', { isYes: true, reason: ' ' });

    await expect(answerOf(toy, asked)).rejects.toMatchObject({
      kind: { code: 'GATE_REASON_MISSING', fault: 'request' },
    });
    expect(await states(toy)).toEqual({});
  });

  test('approves with a reason, which the journal keeps', async () => {
    await using toy = await toyGate({ operations: [toyOperation('forget', 'high')] });

    const answer = await answerOf(toy, asking('forget', { isYes: true, reason: 'moved away' }));

    const entries = await toy.catalog.journal.newest(10);
    expect(answer.exitCode).toBe(0);
    expect(JSON.stringify(entries)).toContain('moved away');
  });

  test('does the harmless part first, and exits 3 with the command for the rest', async () => {
    await using toy = await toyGate({ operations: withFollowUp() });

    const answer = await answerOf(toy, asking('restore'));

    expect(answer).toMatchObject({
      exitCode: 3,
      json: { state: 'done', problem: { code: 'CLI_APPROVAL_NEEDED' } },
      problem: { hint: 'Do it with `npx dbdr restore-tables shop --yes --reason "…"`.' },
    });
    expect(await states(toy)).toEqual({ restore: 'done', 'restore-tables': 'cancelled' });
  });

  test('performs what follows after its parent when both were approved', async () => {
    await using toy = await toyGate({ operations: withFollowUp() });

    const answer = await answerOf(toy, asking('restore', { isYes: true, reason: 'drill' }));

    expect(answer).toMatchObject({
      exitCode: 0,
      json: { followUps: [{ operation: 'restore-tables', state: 'done' }] },
    });
  });

  test('only looks with --plan', async () => {
    await using toy = await toyGate({ operations: withFollowUp() });

    const answer = await answerOf(toy, asking('restore', { isPlan: true }));

    expect(answer).toMatchObject({ exitCode: 0, json: { to: 'latest', plan: { server: 'shop' } } });
    expect(answer.text).toBe('Do restore to shop\nTo        latest');
    expect(await states(toy)).toEqual({});
  });

  test('exits with what the result says: a verdict that is bad is 1', async () => {
    const verify = toyOperation('verify', 'low', { exitCode: () => 1 });
    await using toy = await toyGate({ operations: [verify] });

    expect(await answerOf(toy, asking('verify'))).toMatchObject({ exitCode: 1 });
  });

  test('tells an interrupted run as such, with its reason', async () => {
    const stop = new AbortController();
    const slow = toyOperation('backup', 'low', {
      run: (_plan, run) =>
        run.step('work', async (step) => {
          stop.abort(new Error('Ctrl-C'));
          step.signal.throwIfAborted();
          return Promise.resolve({ ok: true });
        }),
    });
    await using toy = await toyGate({ operations: [slow] });

    const answer = await answerOf(toy, asking('backup'), stop.signal);

    expect(answer).toMatchObject({
      exitCode: 130,
      json: { state: 'interrupted', problem: { code: 'GATE_SHUTDOWN' } },
    });
  });
});
