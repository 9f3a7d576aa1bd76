/** Asking and deciding over a real catalogue: who may, who was first, and why not. */
import { describe, expect, test } from 'vitest';
import type { Decided } from '../../src/gate/gate.ts';
import { INPUT_INVALID } from '../../src/gate/problems.ts';
import { codeOf, decide, OPERATIONS } from '../support/toy-decisions.ts';
import {
  ANA,
  BEN,
  CARL,
  CLOCK_ACTOR,
  DORA,
  EVE,
  SIGNAL,
  TERMINAL,
  toyGate,
} from '../support/toy-gate.ts';

function whyNot(decided: Decided): string {
  return decided.outcome === 'decided' ? 'decided' : `${decided.code}: ${decided.why}`;
}

describe('ask()', () => {
  test('answers what only looks at once, without a row', async () => {
    await using at = await toyGate({ operations: OPERATIONS });

    expect(await at.ask('look', { actor: DORA })).toEqual({
      outcome: 'answered',
      result: { ok: true },
      exitCode: 0,
    });
    expect(await at.catalog.runs.list({ limit: 9 })).toEqual([]);
  });

  test('writes a row for low danger that may start, and one for high danger that waits', async () => {
    await using at = await toyGate({ operations: OPERATIONS });

    expect(await at.row('backup')).toMatchObject({ state: 'approved', server: 'shop' });
    expect(await at.row('repair')).toMatchObject({ state: 'waiting', danger: 'high' });
  });

  test('refuses who has no role, a viewer who wants more than looking, and a schedule that wants danger', async () => {
    await using at = await toyGate({ operations: OPERATIONS });

    expect(await codeOf(at.ask('look', { actor: EVE }))).toBe('GATE_NOT_ALLOWED');
    expect(await codeOf(at.ask('backup', { actor: DORA }))).toBe('GATE_NOT_ALLOWED');
    expect(await codeOf(at.ask('repair', { actor: CLOCK_ACTOR }))).toBe('GATE_NOT_ALLOWED');
    expect((await at.catalog.journal.newest(3)).map(({ what }) => what)).toEqual([
      'ask refused',
      'ask refused',
      'ask refused',
    ]);
  });

  test('refuses a word the schema does not know, with the one that was meant', async () => {
    await using at = await toyGate({ operations: OPERATIONS });
    const asking = at.ask('backup', { input: { server: 'shop', tabels: ['a'] } });

    await expect(asking).rejects.toMatchObject({ kind: INPUT_INVALID });
    await expect(asking).rejects.toThrow('unknown "tabels" (did you mean "tables"?)');
  });

  test('refuses at once what nobody could ever approve', async () => {
    await using at = await toyGate({ operations: OPERATIONS });
    at.roles.delete('U0BEN');

    expect(await codeOf(at.ask('repair'))).toBe('GATE_NO_APPROVER');
    expect(await codeOf(at.ask('repair', { actor: CARL }))).toBe('none');
    expect(await codeOf(at.ask('repair', { actor: TERMINAL }))).toBe('none');
  });

  test('answers the first run when the same key is asked again', async () => {
    await using at = await toyGate({ operations: OPERATIONS });
    const asked = await Promise.all([1, 2].map(() => at.ask('restore', { onceKey: 'k' })));

    const ids = asked.map((one) => (one.outcome === 'run' ? one.runs : []).map((r) => r.run.runId));

    expect(ids[0]).toHaveLength(2);
    expect(ids[1]).toEqual(ids[0]);
    expect(await at.catalog.runs.list({ limit: 9 })).toHaveLength(2);
  });

  test('only plans with plan(), also for a viewer: nothing is written', async () => {
    await using at = await toyGate({ operations: OPERATIONS });
    const { plan, explanation } = await at.gate.plan({
      operation: 'repair',
      input: { server: 'shop' },
      actor: DORA,
      signal: SIGNAL,
      performer: 'any',
    });

    expect(plan).toEqual({ server: 'shop', to: 'latest' });
    expect(explanation.title).toBe('Do repair to shop');
    expect(await at.catalog.runs.newestSeq()).toBe(0);
  });
});

describe('decide()', () => {
  test('approves once, and tells everybody after that who was faster', async () => {
    await using at = await toyGate({ operations: OPERATIONS });
    const run = await at.row('repair', { actor: CARL });

    const answers = await Promise.all([
      decide(at, run, { actor: ANA }),
      decide(at, run, { actor: BEN }),
    ]);

    expect(answers.map(({ outcome }) => outcome).toSorted()).toEqual(['decided', 'not decided']);
    expect(answers.map(whyNot).join(' ')).toMatch(/Already approved by (ANA|BEN) at 2\d{3}-/);
    const events = await at.gate.eventsAfter(0, 99);
    expect(events.filter(({ kind }) => kind === 'approved')).toHaveLength(1);
  });

  test('says why not: own request, outsider, other plan, unknown decision time', async () => {
    await using at = await toyGate({ operations: OPERATIONS });
    const run = await at.row('repair');

    expect(whyNot(await decide(at, run, { actor: ANA }))).toContain('GATE_OWN_REQUEST');
    expect(whyNot(await decide(at, run, { actor: CARL }))).toContain('GATE_NOT_ALLOWED');
    expect(whyNot(await decide(at, run, { actor: EVE }))).toContain('GATE_NOT_ALLOWED');
    expect(whyNot(await decide(at, run, { planHash: 'x' }))).toContain('GATE_PLAN_CHANGED');
    expect(await at.gate.find(run.runId)).toMatchObject({ state: 'waiting' });
  });

  test('needs as many different people as the policy says', async () => {
    const approvals = { high: 2, expires: Temporal.Duration.from('PT30M'), self: false };
    await using at = await toyGate({ operations: OPERATIONS, change: { approvals } });
    const run = await at.row('repair', { actor: CARL });

    expect(await decide(at, run, { actor: ANA })).toMatchObject({ run: { state: 'waiting' } });
    expect(whyNot(await decide(at, run, { actor: ANA }))).toContain('You already approved it');
    expect(await decide(at, run, { actor: BEN })).toMatchObject({ run: { state: 'approved' } });
  });

  test('lets a terminal approve its own request only with a reason, which the journal keeps', async () => {
    await using at = await toyGate({ operations: OPERATIONS });
    const run = await at.row('repair', { actor: TERMINAL, performer: 'this process' });

    expect(whyNot(await decide(at, run, { actor: TERMINAL }))).toContain('GATE_REASON_MISSING');
    const reason = 'Slack is down';
    expect((await decide(at, run, { actor: TERMINAL, reason })).outcome).toBe('decided');
    expect((await at.catalog.journal.newest(1))[0]).toMatchObject({
      what: 'approved',
      actor: { id: 'ana' },
      data: { reason: 'Slack is down' },
    });
  });

  test('refuses an approval that comes after the expiry, also before the sweeper was there', async () => {
    const approvals = { high: 1, expires: Temporal.Duration.from('PT0S'), self: false };
    await using at = await toyGate({ operations: OPERATIONS, change: { approvals } });
    const run = await at.row('repair', { actor: CARL });

    expect(whyNot(await decide(at, run, {}))).toContain('GATE_EXPIRED');
  });

  test('ends the follow-up with the reason when its parent is cancelled', async () => {
    await using at = await toyGate({ operations: OPERATIONS });
    const parent = await at.row('restore');

    await decide(at, parent, { decision: 'cancel', actor: ANA });

    const [child] = (await at.catalog.runs.list({ limit: 9 })).filter((run) => run.after !== null);
    expect(child).toMatchObject({ state: 'cancelled', problem: { code: 'RUN_PARENT_NOT_DONE' } });
  });

  test('lets only the asker withdraw', async () => {
    await using at = await toyGate({ operations: OPERATIONS });
    const run = await at.row('repair');

    expect(whyNot(await decide(at, run, { decision: 'withdraw' }))).toContain('GATE_NOT_ALLOWED');
    expect(await decide(at, run, { decision: 'withdraw', actor: ANA })).toMatchObject({
      run: { state: 'cancelled' },
    });
  });
});
