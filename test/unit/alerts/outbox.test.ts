/** What is sent next, and what is told of pages that nobody takes. */
import { describe, expect, test } from 'vitest';

import { headsOf, undeliveredFindings } from '../../../src/alerts/outbox.ts';
import type { OutboxRecord } from '../../../src/catalog/records.ts';

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

    expect(headsOf(rows, new Set()).map(({ seq }) => seq)).toEqual([1, 3]);
    expect(headsOf(rows.slice(1), new Set()).map(({ seq }) => seq)).toEqual([2, 3]);
  });

  test('sends nothing behind what this process was refused, but what another was', () => {
    const rows = [row(1, { state: 'refused' }), row(2, { action: 'resolve' })];

    expect(headsOf(rows, new Set([1]))).toEqual([]);
    expect(headsOf(rows, new Set()).map(({ seq }) => seq)).toEqual([1]);
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
