/** What every catalogue promises of runs and their events. */
import { expect, test } from 'vitest';

import type { Catalog } from '../../src/catalog/catalog.ts';
import type { NewRun } from '../../src/catalog/run-verbs.ts';
import type { RunRecord } from '../../src/catalog/runs.ts';
import { newRunId, type RunId } from '../../src/kernel/ids.ts';

const AT = '2026-11-22T14:46:00.000000Z';
const LATER = '2026-11-22T15:16:00.000000Z';
const MUCH_LATER = '2026-11-22T16:00:00.000000Z';
const SIGNAL = new AbortController().signal;

export interface OpenedCatalog extends AsyncDisposable {
  readonly catalog: Catalog;
  /** A second one over the same data, as another process would have it. */
  again(): Promise<Catalog>;
}

export type OpenCatalog = () => Promise<OpenedCatalog>;

export function newRun(change: Partial<NewRun> = {}): NewRun {
  return {
    runId: newRunId(Temporal.Instant.from(AT)),
    operation: 'backup',
    server: 'shop',
    state: 'approved',
    danger: 'low',
    input: { server: 'shop' },
    plan: { server: 'shop', ratio: 0.5, tags: ['ä', null] },
    planHash: 'hash',
    outlook: null,
    asker: { kind: 'slack', id: 'U0ANA' },
    audience: 'slack:C0OPS',
    after: null,
    performer: null,
    askedAt: AT,
    expiresAt: null,
    ...change,
  };
}

async function add(catalog: Catalog, change: Partial<NewRun> = {}): Promise<RunRecord> {
  const { runs } = await catalog.runs.create([newRun(change)], {});
  const [run] = runs;
  if (run === undefined) throw new Error('Nothing was created');
  return run;
}

function deciding(
  runId: RunId,
  deciderId: string,
  at = AT,
): Parameters<Catalog['runs']['approve']>[0] {
  const actor = { kind: 'slack', id: deciderId };
  const more = { planHash: 'hash', needed: 1, expiresAt: LATER };
  return { runId, deciderId, actor, at, reason: null, ...more };
}

function claiming(runId: RunId, holder: string, at = AT): Parameters<Catalog['runs']['claim']>[0] {
  return { runId, holder, at, leaseUntil: LATER };
}

function ending(
  runId: RunId,
  state: 'done' | 'failed',
  holder = 'a',
): Parameters<Catalog['runs']['end']>[0] {
  return { runId, state, at: AT, result: null, problem: null, holder };
}

export function runsContract(open: OpenCatalog): void {
  test('keeps a run as it was asked for, also for another process', async () => {
    await using opened = await open();
    const run = newRun();
    await opened.catalog.runs.create([run], {});

    await using other = await opened.again();

    expect(await other.runs.find(run.runId)).toEqual({
      ...run,
      deciders: [],
      startedAt: null,
      endedAt: null,
      result: null,
      problem: null,
      cancelAsked: false,
    });
  });

  test('creates one set of runs for one key, also when two ask at once', async () => {
    await using opened = await open();
    const { runs } = opened.catalog;
    const [first, second] = [newRun(), newRun()];

    const created = await Promise.all([
      runs.create([first], { onceKey: 'k' }),
      runs.create([second], { onceKey: 'k' }),
    ]);

    expect(created.map(({ again }) => again)).toEqual([false, true]);
    expect(created[1]?.runs).toEqual(created[0]?.runs);
    expect(await runs.list({ limit: 9 })).toHaveLength(1);
  });

  test('creates all or none: one bad run leaves nothing behind', async () => {
    await using opened = await open();
    const run = newRun();

    await expect(opened.catalog.runs.create([newRun(), run, run], {})).rejects.toThrow('UNIQUE');

    expect(await opened.catalog.runs.list({ limit: 9 })).toEqual([]);
    expect(await opened.catalog.runs.newestSeq()).toBe(0);
    expect((await opened.catalog.journal.head()).seq).toBe(0);
  });

  test('lists newest first, by server and state', async () => {
    await using opened = await open();
    const old = await add(opened.catalog);
    const young = await add(opened.catalog, { askedAt: LATER, server: 'books', state: 'waiting' });
    const { runs } = opened.catalog;

    expect(await runs.list({ limit: 9 })).toEqual([young, old]);
    expect(await runs.list({ limit: 9, server: 'shop' })).toEqual([old]);
    expect(await runs.list({ limit: 9, states: ['waiting'] })).toEqual([young]);
    expect(await runs.list({ limit: 1 })).toEqual([young]);
  });

  test('approves when enough different people have, each counted once', async () => {
    await using opened = await open();
    const { runs } = opened.catalog;
    const { runId } = await add(opened.catalog, { state: 'waiting', expiresAt: LATER });

    const first = await runs.approve({ ...deciding(runId, 'ana'), needed: 2 });
    const twice = await runs.approve({ ...deciding(runId, 'ana'), needed: 2 });
    const second = await runs.approve({ ...deciding(runId, 'ben'), needed: 2 });
    const third = await runs.approve({ ...deciding(runId, 'carl'), needed: 2 });

    expect([first?.state, twice, second?.state, third]).toEqual([
      'waiting',
      undefined,
      'approved',
      undefined,
    ]);
  });

  test('does not approve another plan, or after the expiry', async () => {
    await using opened = await open();
    const { runs } = opened.catalog;
    const { runId } = await add(opened.catalog, { state: 'waiting', expiresAt: LATER });

    expect(await runs.approve({ ...deciding(runId, 'ana'), planHash: 'x' })).toBeUndefined();
    expect(await runs.approve(deciding(runId, 'ana', LATER))).toBeUndefined();
  });

  test('is claimed by one of two, together with its lease', async () => {
    await using opened = await open();
    await using other = await opened.again();
    const { runId } = await add(opened.catalog);

    const claims = await Promise.all([
      opened.catalog.runs.claim(claiming(runId, 'a')),
      other.runs.claim(claiming(runId, 'b')),
    ]);

    expect(claims.filter((claim) => claim !== undefined)).toHaveLength(1);
    const [held] = await other.runs.held();
    expect(held).toMatchObject({ run: { runId }, leaseUntil: LATER });
    expect(await other.leases.holderOf(`run:${runId}`, AT)).toBe(held?.holder);
  });

  test('is not claimed when expired, or when it belongs to another process', async () => {
    await using opened = await open();
    const { runs } = opened.catalog;
    const expired = await add(opened.catalog, { expiresAt: AT });
    const owned = await add(opened.catalog, { performer: 'b' });

    expect(await runs.claim(claiming(expired.runId, 'a'))).toBeUndefined();
    expect(await runs.claim(claiming(owned.runId, 'a'))).toBeUndefined();
    expect(await runs.startable(AT, 9)).toEqual([]);
    expect(await runs.promised()).toEqual([owned]);
    expect(await runs.claim(claiming(owned.runId, 'b'))).toMatchObject({ state: 'running' });
  });
}

export function endingsContract(open: OpenCatalog): void {
  test('ends once, and only by who performs it', async () => {
    await using opened = await open();
    const { runs } = opened.catalog;
    const { runId } = await add(opened.catalog);
    await runs.claim(claiming(runId, 'a'));

    expect(await runs.end(ending(runId, 'done', 'b'))).toBeUndefined();
    expect(await runs.end(ending(runId, 'done'))).toMatchObject({ state: 'done', endedAt: AT });
    expect(await runs.end(ending(runId, 'failed'))).toBeUndefined();
    expect(await opened.catalog.leases.holderOf(`run:${runId}`, AT)).toBeUndefined();
  });

  test('starts a follow-up only after its parent is done', async () => {
    await using opened = await open();
    const { runs } = opened.catalog;
    const parent = newRun();
    const child = newRun({ after: parent.runId });
    await runs.create([parent, child], {});
    expect((await runs.startable(AT, 9)).map(({ runId }) => runId)).toEqual([parent.runId]);
    await runs.claim(claiming(parent.runId, 'a'));
    expect(await runs.claim(claiming(child.runId, 'a'))).toBeUndefined();

    await runs.end(ending(parent.runId, 'done'));

    expect((await runs.startable(AT, 9)).map(({ runId }) => runId)).toEqual([child.runId]);
    expect(await runs.claim(claiming(child.runId, 'a'))).toMatchObject({ state: 'running' });
  });

  test('ends all follow-ups with the reason when the parent is not done', async () => {
    await using opened = await open();
    const { runs } = opened.catalog;
    const parent = newRun();
    const child = newRun({ after: parent.runId, state: 'waiting' });
    const grandchild = newRun({ after: child.runId, state: 'waiting' });
    await runs.create([parent, child, grandchild], {});
    await runs.claim(claiming(parent.runId, 'a'));

    await runs.end(ending(parent.runId, 'failed'));

    for (const { runId } of [child, grandchild])
      expect(await runs.find(runId)).toMatchObject({
        state: 'cancelled',
        problem: { code: 'RUN_PARENT_NOT_DONE' },
      });
  });

  test('expires what nobody decided or started, but not while its parent works', async () => {
    await using opened = await open();
    const { runs } = opened.catalog;
    const waiting = await add(opened.catalog, { state: 'waiting', expiresAt: LATER });
    const parent = newRun();
    const child = newRun({ after: parent.runId, state: 'waiting', expiresAt: LATER });
    await runs.create([parent, child], {});
    await runs.claim(claiming(parent.runId, 'a'));

    expect(await runs.expire(AT)).toEqual([]);
    expect((await runs.expire(LATER)).map(({ runId }) => runId)).toEqual([waiting.runId]);
    expect(await runs.approve(deciding(child.runId, 'ana', MUCH_LATER))).toBeDefined();
  });

  test('gives a follow-up its full time from the end of its parent', async () => {
    await using opened = await open();
    const { runs } = opened.catalog;
    const parent = newRun();
    const child = newRun({ after: parent.runId, state: 'waiting', expiresAt: AT });
    await runs.create([parent, child], {});
    await runs.claim(claiming(parent.runId, 'a'));

    await runs.end({ ...ending(parent.runId, 'done'), followUpsExpireAt: LATER });

    expect(await runs.find(child.runId)).toMatchObject({ expiresAt: LATER, state: 'waiting' });
  });

  test('asks a running run to stop, once; ends what has not started', async () => {
    await using opened = await open();
    const { runs } = opened.catalog;
    const running = await add(opened.catalog);
    const waiting = await add(opened.catalog, { state: 'waiting' });
    await runs.claim(claiming(running.runId, 'a'));

    expect(await runs.withdraw(deciding(running.runId, 'ana'))).toBeUndefined();
    expect(await runs.askCancel(deciding(running.runId, 'ana'))).toMatchObject({
      state: 'running',
      cancelAsked: true,
    });
    expect(await runs.askCancel(deciding(running.runId, 'ana'))).toBeUndefined();
    expect(await runs.isCancelAsked(running.runId)).toBe(true);
    expect(await runs.withdraw(deciding(waiting.runId, 'ana'))).toMatchObject({
      state: 'cancelled',
    });
    expect(await runs.refuse(deciding(waiting.runId, 'ana'))).toBeUndefined();
  });
}

export function eventsContract(open: OpenCatalog): void {
  test('counts events over all runs, and gives them from a cursor', async () => {
    await using opened = await open();
    const { runs } = opened.catalog;
    const first = await add(opened.catalog);
    const second = await add(opened.catalog);
    await runs.addEvent({ runId: first.runId, at: AT, kind: 'progress', data: { doneBytes: 1 } });

    const events = await runs.eventsAfter(0, 9);

    expect(events.map(({ runId }) => runId)).toEqual([first.runId, second.runId, first.runId]);
    expect(await runs.eventsAfter(events[1]?.seq ?? 0, 9)).toEqual([events[2]]);
    expect(await runs.eventsAfter(0, 1)).toEqual([events[0]]);
    expect(await runs.eventsOf(first.runId)).toEqual([events[0], events[2]]);
    expect(await runs.newestSeq()).toBe(events[2]?.seq);
  });

  test('wakes who waits for events, whether this or another process writes them', async () => {
    await using opened = await open();
    await using other = await opened.again();
    const here = opened.catalog.runs.waitForEvents(0, { signal: SIGNAL });
    const there = other.runs.waitForEvents(0, { signal: SIGNAL });

    await add(opened.catalog);

    await Promise.all([here, there]);
    expect(await other.runs.newestSeq()).toBe(1);
  });

  test('stops waiting when aborted, with the reason', async () => {
    await using opened = await open();
    const stop = new AbortController();
    const waiting = opened.catalog.runs.waitForEvents(0, { signal: stop.signal });

    stop.abort(new Error('enough'));

    await expect(waiting).rejects.toThrow('enough');
  });
}
