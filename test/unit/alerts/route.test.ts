/** What the pager is told, and that it is told each thing once and in order. */
import { describe, expect, test } from 'vitest';

import { dedupKeyOf, type PagedFinding, pagesOf, readFindings } from '../../../src/alerts/route.ts';
import type { NewOutboxRow, OutboxRecord } from '../../../src/catalog/records.ts';
import { randomNumbers } from '../../support/random-numbers.ts';

const NOW = Temporal.Instant.from('2026-11-22T04:09:00Z');
const INSTALLATION = 'i-5f0c1a52-8f51-4b0e-9f5a-0d6b0c1f2a3b';

function finding(code: string, change: Partial<PagedFinding> = {}): PagedFinding {
  const words = { summary: `${code} of shop`, hint: 'Do this.', since: '2026-11-22T04:00:00Z' };
  return { code, server: 'shop', severity: 'page', ...words, ...change };
}

function opened(row: NewOutboxRow, seq = 1): OutboxRecord {
  const untold = { attempts: 0, triedAt: null, acceptedAt: null, said: null };
  return { ...row, seq, state: 'waiting', ...untold };
}

function pages(findings: readonly PagedFinding[], open: readonly OutboxRecord[] = []) {
  const servers = ['shop', 'books'];
  const remindSeconds = 14_400;
  return pagesOf({ findings, servers, open, installation: INSTALLATION, remindSeconds, now: NOW });
}

function taken(row: NewOutboxRow | undefined, minutesAgo: number): OutboxRecord {
  if (row === undefined) throw new Error('Nothing is told');
  const acceptedAt = NOW.subtract({ minutes: minutesAgo }).toString();
  return { ...opened(row), state: 'accepted', acceptedAt };
}

describe('pagesOf()', () => {
  test('tells what is for now, with everything that whoever is woken needs', () => {
    const runId = 'r-20261122T040000-3fa9c1';
    const facts = { runId, backupId: '20261122T010000Z', store: 'west', runbook: 'a.md' };

    expect(pages([finding('PROOF_FAILED', facts)])).toEqual([
      {
        dedupKey: `dbdr/${INSTALLATION}/shop/PROOF_FAILED`,
        server: 'shop',
        action: 'trigger',
        runId,
        madeAt: '2026-11-22T04:09:00.000000Z',
        page: {
          summary: 'PROOF_FAILED of shop',
          source: 'shop',
          component: 'verification',
          code: 'PROOF_FAILED',
          since: '2026-11-22T04:00:00Z',
          runbook: 'a.md',
          details: {
            'what to do next': 'Do this.',
            runbook: 'runbooks/a.md',
            'run id': runId,
            run: `npx dbdr runs --run ${runId}`,
            'backup id': '20261122T010000Z',
            store: 'west',
            see: 'npx dbdr status shop',
          },
        },
      },
    ]);
  });

  test('waits until what was noticed has stood for a moment, but not for what a run has said', () => {
    const since = '2026-11-22T04:07:31Z';
    const runId = 'r-20261122T040000-3fa9c1';

    expect(pages([finding('ARCHIVING_BEHIND', { since })])).toEqual([]);
    expect(pages([finding('ARCHIVING_BEHIND', { since: '2026-11-22T04:07:30Z' })])).toHaveLength(1);
    expect(pages([finding('PROOF_FAILED', { since, runId })])).toHaveLength(1);
    // Of two that tell one thing the one that stands is told.
    const told = pages([finding('BACKUP_OVERDUE', { since }), finding('BACKUP_FAILED', { runId })]);
    expect(told).toMatchObject([{ page: { code: 'BACKUP_FAILED' } }]);
    // Nor is a page taken back because one is newer.
    const [row] = told;
    if (row === undefined) throw new Error('Nothing is told');
    expect(pages([finding('BACKUP_OVERDUE', { since })], [opened(row)])).toEqual([]);
  });

  test('tells nothing that can wait, and not to the pager that the pager is silent', () => {
    expect(pages([finding('KEY_UNPROVED', { severity: 'warn' })])).toEqual([]);
    expect(pages([finding('ALERT_UNDELIVERED')])).toEqual([]);
  });

  test('tells nothing twice, and takes back what is over', () => {
    const [row] = pages([finding('MIRROR_BEHIND')]);
    if (row === undefined) throw new Error('Nothing is told');
    const open = [opened(row)];

    expect(pages([finding('MIRROR_BEHIND', { summary: 'Other words' })], open)).toEqual([]);
    expect(pages([finding('MIRROR_BEHIND', { severity: 'warn' })], open)).toMatchObject([
      { action: 'resolve', dedupKey: row.dedupKey },
    ]);
    expect(pages([], open)).toMatchObject([{ action: 'resolve', dedupKey: row.dedupKey }]);
  });

  test('tells again what still stands after a quiet time: it may have been resolved by hand', () => {
    const stands = [finding('MIRROR_BEHIND')];
    const [row] = pages(stands);

    expect(pages(stands, [taken(row, 239)])).toEqual([]);
    expect(pages(stands, [taken(row, 240)])).toMatchObject([
      {
        action: 'trigger',
        dedupKey: row?.dedupKey,
        again: true,
        runId: null,
        page: { again: true },
      },
    ]);
    expect(pages([], [taken(row, 240)])).toMatchObject([{ action: 'resolve' }]);
    // What nobody took yet the outbox brings.
    expect(pages(stands, [{ ...taken(row, 999), state: 'refused', acceptedAt: null }])).toEqual([]);
  });

  test('tells again at once what a later run says, and nothing because of an earlier one', () => {
    const [first, second] = ['r-20261121T040000-3fa9c1', 'r-20261122T040000-000001'];
    const [row] = pages([finding('PROOF_FAILED', { runId: second })]);
    const [old] = pages([finding('PROOF_FAILED', { runId: first })]);

    expect(pages([finding('PROOF_FAILED', { runId: second })], [taken(old, 1)])).toMatchObject([
      { action: 'trigger', again: true, runId: second, page: { details: { 'run id': second } } },
    ]);
    expect(pages([finding('PROOF_FAILED', { runId: second })], [taken(row, 1)])).toEqual([]);
    expect(pages([finding('PROOF_FAILED', { runId: first })], [taken(row, 1)])).toEqual([]);
  });

  test('tells again what a later run says, also behind what no run has said', () => {
    const [first, second] = ['r-20261121T040000-3fa9c1', 'r-20261122T040000-000001'];
    const [row] = pages([finding('PROOF_UNDECIDED', { runId: first })]);
    const overdue = finding('NOT_VERIFIED');
    const newer = finding('PROOF_UNDECIDED', { runId: second });

    for (const both of [
      [overdue, newer],
      [newer, overdue],
    ])
      expect(pages(both, [taken(row, 1)])).toMatchObject([{ again: true, runId: second }]);
    const [again] = pages([overdue, newer]);
    expect(pages([overdue, newer], [taken(again, 1)])).toEqual([]);
  });

  test.each([
    ['NOT_VERIFIED', 'PROOF_UNDECIDED'],
    ['BACKUP_OVERDUE', 'BACKUP_FAILED'],
  ])('takes %s and %s for one thing', (one, other) => {
    const told = pages([finding(other), finding(one)]);

    expect(told.map(({ dedupKey }) => dedupKey)).toEqual([`dbdr/${INSTALLATION}/shop/${one}`]);
  });

  test('keeps servers apart, and what is of no server', () => {
    const told = pages([
      finding('KEY_MISSING'),
      finding('KEY_MISSING', { server: 'books' }),
      finding('SERVICE_FLAPPING', { server: '' }),
    ]);

    expect(told.map(({ dedupKey }) => dedupKey.slice(`dbdr/${INSTALLATION}/`.length))).toEqual([
      'shop/KEY_MISSING',
      'books/KEY_MISSING',
      'all/SERVICE_FLAPPING',
    ]);
  });

  test('tells of each store and each service, and takes back that one alone', () => {
    const of = ['west', 'south'].map((store) => finding('MIRROR_LEFT_OUT', { store }));
    const down = ['archiving:shop', 'coverage:shop'].map((service) =>
      finding('SERVICE_FLAPPING', { service }),
    );
    const told = pages([...of, ...down]);

    expect(told.map(({ dedupKey }) => dedupKey.slice(`dbdr/${INSTALLATION}/shop/`.length))).toEqual(
      [
        'MIRROR_LEFT_OUT/west',
        'MIRROR_LEFT_OUT/south',
        'SERVICE_FLAPPING/archiving:shop',
        'SERVICE_FLAPPING/coverage:shop',
      ],
    );
    const open = told.map((row, index) => opened(row, index + 1));
    expect(pages([...of.slice(1), ...down], open)).toMatchObject([
      { action: 'resolve', dedupKey: told[0]?.dedupKey },
    ]);
  });

  test('whatever opens and closes, a key is triggered and resolved in turns, a trigger first', () => {
    const random = randomNumbers();
    const codes = ['PROOF_FAILED', 'PROOF_UNDECIDED', 'NOT_VERIFIED', 'BACKUP_FAILED', 'X'];
    const findings = new Map<string, PagedFinding>();
    const open = new Map<string, OutboxRecord>();

    for (let turn = 1; turn <= 2000; turn += 1) {
      const code = codes[random.next(codes.length)] ?? '';
      const severity = random.next(4) === 0 ? 'warn' : 'page';
      if (random.next(2) === 0) findings.delete(code);
      else findings.set(code, finding(code, { severity }));
      // What is told changes only when somebody looks, and a process that dies has not looked.
      if (random.next(3) === 0) continue;

      const told = pages([...findings.values()], [...open.values()]);

      const where = { seed: random.seed, turn };
      const keys = told.map(({ dedupKey }) => dedupKey);
      expect({ ...where, keys: [...new Set(keys)] }).toEqual({ ...where, keys });
      for (const row of told) {
        const isOpen = open.has(row.dedupKey);
        expect({ ...where, isOpen }).toEqual({ ...where, isOpen: row.action === 'resolve' });
        if (row.action === 'resolve') open.delete(row.dedupKey);
        else open.set(row.dedupKey, opened(row, turn));
      }
      const wanted = [...findings.values()].filter((one) => one.severity === 'page');
      const rings = new Set(wanted.map((one) => dedupKeyOf(INSTALLATION, one)));
      expect({ ...where, rings: new Set(open.keys()) }).toEqual({ ...where, rings });
    }
  });
});

test('pagesOf() takes back what was told of a server that is gone from the config', () => {
  const gone = finding('MIRROR_BEHIND', { server: 'old-shop' });
  const dedupKey = dedupKeyOf(INSTALLATION, gone);
  const [row] = pages([finding('MIRROR_BEHIND')]);
  if (row === undefined) throw new Error('Nothing is told');

  expect(pages([gone])).toEqual([]);
  expect(pages([gone], [opened({ ...row, dedupKey, server: 'old-shop' })])).toMatchObject([
    { action: 'resolve', dedupKey },
  ]);
});

describe('dedupKeyOf()', () => {
  test('is never longer than PagerDuty takes, and still tells codes apart', () => {
    const [one, other] = ['A', 'B'].map((end) =>
      dedupKeyOf(INSTALLATION, { code: `${'LONG_'.repeat(60)}${end}`, server: 'shop' }),
    );

    expect(one?.length).toBeLessThanOrEqual(255);
    expect(one).not.toBe(other);
  });
});

describe('readFindings()', () => {
  test('leaves out what is none', () => {
    expect(readFindings([null, { code: 'X' }, { ...finding('Y') }])).toEqual([finding('Y')]);
  });
});
