import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  dueStep,
  isOver,
  type WalkAction,
  type Walked,
  type WalkState,
  walk,
} from '../../../src/incidents/walk.ts';

const ANA = { kind: 'slack', id: 'U1', name: 'ana' };
const BEN = { kind: 'slack', id: 'U2', name: 'ben' };
const AT = '2026-11-24T14:46:00.000000Z';

function page(id: string, operation?: string): WalkState['steps'][number]['page'] {
  const block = operation === undefined ? null : { operation, arguments: [] };
  return { id, title: id, prose: '', estimateSeconds: 1, command: null, block, verifySql: null };
}

function opened(): WalkState {
  return {
    title: 'shop: rows or a table are gone',
    moment: null,
    tables: [],
    note: null,
    proof: null,
    lead: ANA,
    inputs: {},
    steps: [page('stop'), page('restore', 'restore'), page('join')].map((one) => ({
      page: one,
      state: 'waiting',
      attempt: 0,
      runIds: [],
      openRunIds: [],
      note: null,
      by: null,
      at: null,
    })),
    updates: { count: 0, lastAt: null, nextDueAt: null },
    closed: false,
  };
}

type Wish = WalkAction extends infer A ? (A extends unknown ? Omit<A, 'by' | 'at'> : never) : never;

function after(state: WalkState, wish: Wish, by = ANA): WalkState {
  const walked = walk(state, { ...wish, by, at: AT });
  if (walked.outcome === 'stayed') throw new Error(walked.why);
  return walked.state;
}

function step(state: WalkState, id: string): WalkState['steps'][number] {
  const found = state.steps.find((one) => one.page.id === id);
  if (found === undefined) throw new Error(`No step ${id}`);
  return found;
}

describe('walk()', () => {
  const asked = after(opened(), { kind: 'asked', stepId: 'restore', runIds: ['r-1', 'r-2'] });

  test('finishes a step only when all its runs are done, the follow-up included', () => {
    const half = after(asked, {
      kind: 'run ended',
      runId: 'r-1',
      outcome: 'done',
      said: 'is done',
    });
    const whole = after(half, {
      kind: 'run ended',
      runId: 'r-2',
      outcome: 'done',
      said: 'is done',
    });

    expect([step(half, 'restore').state, step(whole, 'restore').state]).toEqual(['asked', 'done']);
  });

  test('lets a step be started again when one of its runs was refused, and says why', () => {
    const said = 'was refused';
    const ended = after(asked, { kind: 'run ended', runId: 'r-2', outcome: 'not done', said });
    const again = after(ended, { kind: 'asked', stepId: 'restore', runIds: ['r-3'] });

    expect(step(ended, 'restore')).toMatchObject({ state: 'waiting', note: 'r-2 was refused' });
    expect(step(again, 'restore')).toMatchObject({ state: 'asked', attempt: 2, runIds: ['r-3'] });
  });

  test('does not start a step that is under way', () => {
    const walked = walk(asked, {
      kind: 'asked',
      stepId: 'restore',
      runIds: ['r-9'],
      by: BEN,
      at: AT,
    });

    expect(walked.outcome === 'stayed' ? walked.why : '').toContain('r-1');
  });

  test('ignores the end of a run that belongs to an attempt that is over', () => {
    const failed = after(asked, { kind: 'run ended', runId: 'r-1', outcome: 'not done', said: '' });
    const late = { kind: 'run ended', runId: 'r-2', outcome: 'done', said: '' } as const;

    expect(walk(failed, { ...late, by: ANA, at: AT }).outcome).toBe('stayed');
  });

  test('names who ticked a step and when', () => {
    const ticked = after(opened(), { kind: 'ticked', stepId: 'stop' }, BEN);

    expect(step(ticked, 'stop')).toMatchObject({ state: 'ticked', by: BEN, at: AT });
    expect(dueStep(ticked)?.page.id).toBe('restore');
  });

  test('keeps its promises for any order of actions by two people', () => {
    fc.assert(
      fc.property(fc.array(anyAction, { maxLength: 40 }), (actions) => {
        let state = opened();
        for (const action of actions) {
          const walked = walk(state, action);
          expect(brokenPromises(state, walked)).toEqual([]);
          if (walked.outcome === 'moved') ({ state } = walked);
        }
      }),
    );
  });
});

const stepIds = fc.constantFrom('stop', 'restore', 'join', 'nowhere');
const runIds = fc.constantFrom('r-1', 'r-2', 'r-3');
const anyAction: fc.Arbitrary<WalkAction> = fc
  .tuple(
    fc.oneof<fc.Arbitrary<Wish>[]>(
      fc.record({
        kind: fc.constant('asked' as const),
        stepId: stepIds,
        runIds: fc.uniqueArray(runIds, { minLength: 1 }),
      }),
      fc.record({ kind: fc.constantFrom('answered', 'ticked', 'skipped'), stepId: stepIds }),
      fc.record({
        kind: fc.constant('run ended' as const),
        runId: runIds,
        outcome: fc.constantFrom('done' as const, 'not done' as const),
        said: fc.constant('ended'),
      }),
      fc.record({ kind: fc.constant('learned' as const), note: fc.string() }),
      fc.record({ kind: fc.constant('stakeholders told' as const), nextDueAt: fc.constant(null) }),
      fc.record({ kind: fc.constant('handed over' as const), to: fc.constantFrom(ANA, BEN) }),
      fc.constant({ kind: 'closed' as const }),
    ),
    fc.constantFrom(ANA, BEN),
  )
  .map(([wish, by]) => ({ ...wish, by, at: AT }));

function brokenPromises(before: WalkState, walked: Walked): readonly string[] {
  if (walked.outcome === 'stayed') return walked.why === '' ? ['no reason is given'] : [];
  const { state, said } = walked;
  const steps = state.steps.flatMap((now, index) => brokenByStep(before.steps[index], now));
  return [
    ...steps,
    ...(said === '' ? ['nothing is said'] : []),
    ...(before.closed ? ['a closed incident moved'] : []),
    ...(state.updates.count - before.updates.count > 1 ? ['an update counts twice'] : []),
  ];
}

type Step = WalkState['steps'][number];

function brokenByStep(was: Step | undefined, now: Step): readonly string[] {
  const { id } = now.page;
  const isUnderWay = now.state === 'asked';
  return [
    ...(was !== undefined && isOver(was) && was !== now ? [`${id} was over and changed`] : []),
    ...(isUnderWay !== now.openRunIds.length > 0 ? [`${id} waits for the wrong runs`] : []),
    ...(was?.state === 'asked' && isUnderWay && was.attempt !== now.attempt
      ? [`${id} was started twice`]
      : []),
  ];
}
