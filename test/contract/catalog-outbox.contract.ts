/** The part of the catalogue's contract that is about what must be told outside. */
import { expect, test } from 'vitest';

import { newRun, type OpenCatalog } from './catalog-runs.contract.ts';

const AT = '2026-11-22T14:46:00.000000Z';
const LATER = '2026-11-22T15:16:00.000000Z';

export function outboxContract(open: OpenCatalog): void {
  const row = { dedupKey: 'k', server: 'shop', page: { summary: 's' }, runId: null, madeAt: AT };
  const trigger = { ...row, action: 'trigger' } as const;
  const resolve = { ...row, action: 'resolve' } as const;

  test('keeps what must be told until it is taken: one trigger for a key, no resolve before it', async () => {
    await using opened = await open();
    const { outbox, cursors } = opened.catalog;
    await using other = await opened.again();

    await outbox.add({ rows: [resolve], cursor: { follower: 'alerts', seq: 3 } });
    await Promise.all([outbox.add({ rows: [trigger] }), other.outbox.add({ rows: [trigger] })]);
    const [first] = await outbox.undelivered();
    await outbox.note(first?.seq ?? 0, { state: 'waiting', said: '503', at: AT }, []);
    await outbox.note(first?.seq ?? 0, { state: 'accepted', said: '202', at: LATER }, []);
    await outbox.note(first?.seq ?? 0, { state: 'refused', said: '400', at: LATER }, []);
    const standing = await outbox.open();
    await outbox.add({ rows: [resolve, resolve, trigger, resolve] });

    expect(await cursors.get('alerts')).toBe(3);
    expect(standing).toEqual([
      {
        ...trigger,
        seq: first?.seq,
        state: 'accepted',
        attempts: 2,
        triedAt: LATER,
        acceptedAt: LATER,
        said: '202',
      },
    ]);
    expect((await outbox.undelivered()).map(({ action }) => action)).toEqual([
      'resolve',
      'trigger',
      'resolve',
    ]);
    expect(await outbox.open()).toEqual([]);
    expect(await outbox.lastAccepted()).toMatchObject({ seq: first?.seq });
  });

  test('tells a page again when it is asked to, and only one that was taken', async () => {
    await using opened = await open();
    const { outbox } = opened.catalog;
    const again = { ...trigger, again: true };

    await outbox.add({ rows: [trigger, again] });
    const [first] = await outbox.undelivered();
    await outbox.note(first?.seq ?? 0, { state: 'accepted', said: '202', at: LATER }, []);
    await outbox.add({ rows: [trigger, again, again] });

    const [second, ...more] = await outbox.undelivered();
    expect(more).toEqual([]);
    expect(second).toMatchObject({ action: 'trigger', state: 'waiting', acceptedAt: null });
    expect(await outbox.open()).toMatchObject([{ seq: second?.seq }]);
    await outbox.add({ rows: [resolve] });
    expect(await outbox.open()).toEqual([]);
  });

  test('tells the runs of a page in the same step, and of its end only those that heard of it', async () => {
    await using opened = await open();
    const { outbox, runs } = opened.catalog;
    const [told, untold] = [newRun(), newRun()];
    await runs.create([told, untold], {});
    function paged(runId: typeof told.runId, outcome: string) {
      return { runId, at: AT, kind: 'paged', data: { outcome } } as const;
    }

    await outbox.add({
      rows: [trigger],
      events: (rows) => rows.map(({ state }) => paged(told.runId, state)),
    });
    const [first] = await outbox.undelivered();
    const answer = { state: 'accepted', said: '202', at: LATER } as const;
    const events = [told, untold].map(({ runId }) => paged(runId, 'accepted'));
    await outbox.note(first?.seq ?? 0, answer, events);

    const heard = await runs.eventsOf(told.runId);
    expect(heard.slice(1).map(({ data }) => data)).toEqual([
      { outcome: 'waiting' },
      { outcome: 'accepted' },
    ]);
    expect(await runs.eventsOf(untold.runId)).toHaveLength(1);
  });

  test('strikes off a trigger and its resolve in one step, but nothing that was taken', async () => {
    await using opened = await open();
    const { outbox } = opened.catalog;
    await outbox.add({ rows: [trigger, resolve, trigger] });
    const [first, second, third] = await outbox.undelivered();
    await outbox.note(third?.seq ?? 0, { state: 'accepted', said: '202', at: LATER }, []);

    await outbox.strikeOff(
      [first, second, third].map((one) => one?.seq ?? 0),
      'over',
      [],
    );

    expect(await outbox.undelivered()).toEqual([]);
    expect(await outbox.open()).toMatchObject([{ seq: third?.seq, state: 'accepted' }]);
    expect(await outbox.lastAccepted()).toMatchObject({ seq: third?.seq });
  });

  test('forgets what ended long ago, but not what is open, waits, or was accepted last', async () => {
    await using opened = await open();
    const { outbox } = opened.catalog;
    async function told(key: string, state: 'accepted' | 'waiting', ...actions: readonly string[]) {
      for (const action of actions) {
        const made = action === 'trigger' ? trigger : resolve;
        await outbox.add({ rows: [{ ...made, dedupKey: key }] });
        for (const { seq, dedupKey } of await outbox.undelivered())
          if (dedupKey === key) await outbox.note(seq, { state, said: null, at: AT }, []);
      }
    }
    await told('ended', 'accepted', 'trigger', 'resolve');
    await told('open', 'accepted', 'trigger', 'resolve', 'trigger');
    await told('waits', 'waiting', 'trigger', 'resolve');
    await told('last', 'accepted', 'trigger', 'resolve');

    expect(await outbox.forget(AT)).toBe(0);
    expect(await outbox.forget(LATER)).toBe(5);

    expect((await outbox.open()).map(({ dedupKey }) => dedupKey)).toEqual(['open']);
    expect((await outbox.undelivered()).map(({ dedupKey }) => dedupKey)).toEqual([
      'waits',
      'waits',
    ]);
    expect(await outbox.lastAccepted()).toMatchObject({ dedupKey: 'last', action: 'resolve' });
    expect(await outbox.lastAccepted('open')).toMatchObject({ dedupKey: 'open' });
    expect(await outbox.lastAccepted('waits')).toBeUndefined();
    // A key that was forgotten begins anew.
    await outbox.add({ rows: [{ ...resolve, dedupKey: 'ended' }] });
    expect(await outbox.undelivered()).toHaveLength(2);
  });
}
