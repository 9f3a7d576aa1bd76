/** What is sent next, and what is told of pages that nobody takes. */
import { describe, expect, test } from 'vitest';

import {
  headsOf,
  openDelivery,
  overtaken,
  undeliveredFindings,
} from '../../../src/alerts/outbox.ts';
import type { PagerAnswer } from '../../../src/alerts/pager.ts';
import type { OutboxRecord } from '../../../src/catalog/records.ts';
import { silentLog } from '../../../src/kernel/log.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { runIdOf } from '../../support/slack-samples.ts';

const MADE = '2026-11-22T04:09:00.000000Z';
const NOW = Temporal.Instant.from('2026-11-22T04:14:00Z');

function row(seq: number, change: Partial<OutboxRecord> = {}): OutboxRecord {
  return {
    seq,
    dedupKey: 'k',
    server: 'shop',
    action: 'trigger',
    page: {},
    runId: null,
    madeAt: MADE,
    state: 'waiting',
    attempts: 0,
    triedAt: null,
    acceptedAt: null,
    said: null,
    ...change,
  };
}

function found(undelivered: readonly OutboxRecord[], undeliveredSeconds = 300) {
  return undeliveredFindings({ undelivered, pager: 'PagerDuty', undeliveredSeconds, now: NOW });
}

describe('headsOf()', () => {
  test('sends of each key the oldest first: no resolve overtakes its trigger', () => {
    const rows = [row(1), row(2, { action: 'resolve' }), row(3, { dedupKey: 'other' })];

    expect(headsOf(rows).map(({ seq }) => seq)).toEqual([1, 3]);
    expect(headsOf(rows.slice(1)).map(({ seq }) => seq)).toEqual([2, 3]);
  });
});

describe('overtaken()', () => {
  const NONE: ReadonlySet<string> = new Set();
  const refused = row(1, { state: 'refused' });
  const resolve = row(3, { action: 'resolve' });
  const other = row(2, { dedupKey: 'other', action: 'resolve' });

  test('is a trigger that was refused, with its resolve; what comes after it is sent', () => {
    const rows = [refused, other, resolve, row(4)];

    expect(overtaken(rows, NONE)).toEqual([[refused, resolve]]);
  });

  test('is nothing that still stands, was perhaps taken, or takes back what was taken', () => {
    expect(overtaken([refused, other], NONE)).toEqual([]);
    expect(overtaken([row(1, { attempts: 4, said: 'timeout' }), resolve], NONE)).toEqual([]);
    expect(overtaken([row(3, { action: 'resolve' }), row(4)], NONE)).toEqual([]);
    expect(overtaken([row(3, { action: 'resolve', state: 'refused' })], NONE)).toEqual([]);
  });

  test('is a resolve that was refused when its page is triggered anew, and only that', () => {
    const taken = row(3, { action: 'resolve', state: 'refused' });

    expect(overtaken([taken, row(4), row(5, { action: 'resolve' })], NONE)).toEqual([[taken]]);
  });

  test('is what was told again and refused, but never the resolve of what was taken before', () => {
    const page = {
      summary: 's',
      source: 'shop',
      component: 'c',
      code: 'X',
      since: MADE,
      details: {},
      runbook: null,
      again: true,
    };
    const again = row(2, { state: 'refused', page });

    expect(overtaken([again, resolve], NONE)).toEqual([[again]]);
  });
});

/** A delivery over rows in memory, to a pager that answers what it is told to. */
function delivering(...given: readonly OutboxRecord[]) {
  const rows = [...given];
  const clock = fakeClock();
  const sent: string[] = [];
  const pager = { answers: 'refused' as PagerAnswer['outcome'] };
  const links: (string | undefined)[] = [];
  const seen = { links, link: undefined as string | undefined };
  function change(seqs: readonly number[], changed: Partial<OutboxRecord>): void {
    for (const [index, one] of rows.entries())
      if (seqs.includes(one.seq)) rows[index] = { ...one, ...changed };
  }
  const delivery = openDelivery({
    clock,
    log: silentLog,
    random: () => 0,
    links: async () =>
      seen.link === 'never' ? new Promise(() => undefined) : Promise.resolve(seen.link),
    pager: {
      name: 'P',
      place: 'p',
      async send({ action, dedupKey, link }) {
        sent.push(`${action} ${dedupKey}`);
        links.push(link);
        return Promise.resolve({ outcome: pager.answers, said: pager.answers });
      },
    },
    catalog: {
      installation: { id: async () => Promise.resolve('i') },
      findings: {
        open: async () => Promise.resolve(true),
        close: async () => Promise.resolve(true),
        list: async () => Promise.resolve([]),
      },
      outbox: {
        undelivered: async () =>
          Promise.resolve(rows.filter(({ state }) => state !== 'accepted' && state !== 'over')),
        lastAccepted: async (key) =>
          Promise.resolve(
            rows.findLast(({ state, dedupKey }) => state === 'accepted' && dedupKey === key),
          ),
        async note(seq, { state, said }) {
          change([seq], { state, said });
          return Promise.resolve();
        },
        async strikeOff(seqs, said) {
          change(seqs, { state: 'over', said });
          return Promise.resolve();
        },
      },
    },
  });
  async function deliver(): Promise<readonly string[]> {
    sent.length = 0;
    await delivery.deliver({ signal: new AbortController().signal });
    return [...sent];
  }
  return Object.assign(seen, { rows, clock, pager, deliver });
}

describe('openDelivery()', () => {
  test('asks who has refused again after ten minutes, then hourly', async () => {
    const at = delivering(row(1));

    expect(await at.deliver()).toHaveLength(1);
    for (const waitMs of [600_000, 3_600_000, 3_600_000]) {
      await at.clock.advance(waitMs - 1);
      expect(await at.deliver()).toEqual([]);
      await at.clock.advance(1);
      expect(await at.deliver()).toEqual(['trigger k']);
    }
  });

  test('lets no page that was refused and is over hold up the next one of its key', async () => {
    const at = delivering(row(1), row(2, { action: 'resolve' }), row(3));
    expect(await at.deliver()).toEqual(['trigger k']);
    at.pager.answers = 'accepted';

    expect(await at.deliver()).toEqual(['trigger k']);

    expect(at.rows.map(({ state }) => state)).toEqual(['over', 'over', 'accepted']);
    expect(at.rows[0]?.said).toBe('over before it was taken');
  });

  test('lets no resolve that was refused hold up the next page of its key for a moment', async () => {
    const at = delivering(row(1, { action: 'resolve' }));
    expect(await at.deliver()).toEqual(['resolve k']);
    at.rows.push(row(2));
    at.pager.answers = 'accepted';

    expect(await at.deliver()).toEqual(['trigger k']);

    expect(at.rows.map(({ state }) => state)).toEqual(['over', 'accepted']);
  });

  test('takes back a page that stands, though all that came after it was refused', async () => {
    const at = delivering(row(1, { state: 'accepted' }), row(2, { action: 'resolve' }));
    expect(await at.deliver()).toEqual(['resolve k']);
    at.rows.push(row(3));
    expect(await at.deliver()).toEqual(['trigger k']);
    at.rows.push(row(4, { action: 'resolve' }));
    at.pager.answers = 'accepted';

    expect(await at.deliver()).toEqual(['resolve k']);

    expect(at.rows.map(({ state }) => state)).toEqual(['accepted', 'over', 'over', 'accepted']);
  });

  test('tells where the run is seen, and does not wait for that', async () => {
    const runId = runIdOf(1);
    const known = delivering(row(1, { runId }));
    const silent = delivering(row(1, { runId }));
    known.link = 'https://acme.slack.com/archives/C0OPS/p1';
    silent.link = 'never';

    expect(await known.deliver()).toHaveLength(1);
    const delivered = silent.deliver();
    await silent.clock.advance(2000);
    expect(await delivered).toHaveLength(1);

    expect(known.links).toEqual(['https://acme.slack.com/archives/C0OPS/p1']);
    expect(silent.links).toEqual([undefined]);
  });
});

describe('undeliveredFindings()', () => {
  test('gives it time, then says since when and why, of each server', () => {
    const rows = [row(1, { said: '503' }), row(2), row(3, { server: 'books' })];

    expect(found(rows, 301)).toEqual([]);
    expect(found(rows)).toMatchObject([
      {
        code: 'ALERT_UNDELIVERED',
        server: 'shop',
        severity: 'page',
        summary:
          '2 pages about shop have NOT been accepted by PagerDuty since 2026-11-22 04:09:00 UTC: 503',
      },
      {
        server: 'books',
        summary: expect.stringContaining('A page about books has NOT') as unknown,
      },
    ]);
  });

  test('says at once that one was refused, and what to correct', () => {
    expect(found([row(1, { state: 'refused', said: '400' })], 9999)).toMatchObject([
      { hint: expect.stringContaining('alerts.pagerduty') as unknown },
    ]);
  });
});
