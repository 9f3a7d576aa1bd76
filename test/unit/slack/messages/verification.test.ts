/** The verification report: verdict in words, a table of checks, and the same as plain text. */
import { expect, test } from 'vitest';

import { lintMessage } from '../../../../src/slack/limits.ts';
import { runMessage } from '../../../../src/slack/messages/run.ts';
import { AROUND, readable, sampleRun, sampleView } from '../../../support/slack-samples.ts';

const PASSED = {
  verdict: 'PASS',
  mode: 'bounded',
  backupId: '20261122T021104Z',
  checks: [
    { check: 'Latest transaction', verdict: 'PASS', detail: '04:14:07 UTC, 5 min old', seconds: 2 },
  ],
  tables: [
    { table: 'public.orders', sourceRows: 50_004, restoredRows: 50_000, equal: true },
    { table: 'public.users', sourceRows: 9, restoredRows: 7, equal: false },
  ],
  latestTransactionAt: '2026-11-22T04:19:58.000000Z',
  restoredToLsn: '5/3A91F228',
  rpoSeconds: 2,
  rtoSeconds: 372,
  tornDown: true,
};

function report(result: Parameters<typeof sampleRun>[0]): ReturnType<typeof runMessage> {
  const run = sampleRun({ operation: 'verify', state: 'done', ...result });
  return runMessage(sampleView({ run }), AROUND, 1);
}

test('a passed proof opens with what it is restorable to', () => {
  const message = report({ result: PASSED });

  expect(readable(message)).toContain('*shop is restorable to 04:19:58 UTC · PASS*');
  expect(readable(message)).toContain('restored up to log position 5/3A91F228 in 6 min 12 s');
  expect(lintMessage(message)).toEqual([]);
});

test('the checks are a table, and readable as plain text too', () => {
  const message = report({ result: PASSED });

  const table = message.blocks.find((block) => block.type === 'table');
  expect(table?.rows.map((row) => row.map((cell) => ('text' in cell ? cell.text : '')))).toEqual([
    ['Check', 'Result', 'What was seen'],
    ['Latest transaction', 'PASS', '04:14:07 UTC, 5 min old, 2.0 s'],
    ['Table public.orders', 'equal', '50,000 rows restored, 50,004 in production'],
    ['Table public.users', 'DIFFERENT', '7 rows restored, 9 in production'],
    ['Scratch cluster', 'done', 'removed'],
  ]);
  expect(message.text).toContain('Latest transaction: PASS, 04:14:07 UTC');
  expect(message.text).toContain('Table public.users: DIFFERENT');
});

test('a bounded proof says what it does not show', () => {
  expect(readable(report({ result: PASSED }))).toContain('would not be seen');
});

test('counts that may lie in a span are judged by their outcome, with the span', () => {
  const tables = [
    {
      table: 'public.orders',
      sourceRows: 50_000,
      sourceRowsMin: 50_000,
      sourceRowsMax: 50_012,
      restoredRows: 50_007,
      equal: null,
      outcome: 'in bounds',
    },
  ];

  const { text } = report({ result: { ...PASSED, tables } });

  expect(text).toContain(
    'Table public.orders: in bounds, 50,007 rows restored, 50,000 to 50,012 in production',
  );
});

test('a backup that could not be restored is not said to be compared', () => {
  const result = { ...PASSED, verdict: 'FAIL', restoredToLsn: null, rtoSeconds: null };

  expect(readable(report({ result }))).toContain('Backup 20261122T021104Z could not be restored.');
});

test('a proof that comes with its own words is told in them, what to do next last', () => {
  const message = report({
    result: {
      ...PASSED,
      verdict: 'FAIL',
      title: 'shop could NOT be proved restorable',
      next: 'The last good proof stands. Take a base backup now with `backup shop`.',
      shows: 'row counts only',
    },
  });

  const text = readable(message);
  expect(message.text.split('\n')[0]).toContain('shop could NOT be proved restorable · FAIL');
  expect(text).toContain('Take a base backup now with `backup shop`.');
  expect(text).toContain('Mode bounded: row counts only');
  expect(lintMessage(message)).toEqual([]);
});

test.each([
  ['FAIL', 'could NOT be proved restorable · FAIL'],
  ['ERROR', 'could not be told whether shop is restorable · ERROR'],
  ['SKIPPED', 'was not proved · SKIPPED'],
])('a verdict %s says so in its first line', (verdict, words) => {
  const first = report({ result: { verdict } }).text.split('\n')[0];

  expect(first).toContain(words);
});

test('a proof of a hundred tables keeps within a table of Slack', () => {
  const tables = Array.from({ length: 300 }, (_each, index) => ({
    table: `public.t${index}`,
    sourceRows: 1,
    restoredRows: 1,
    equal: true,
  }));

  expect(lintMessage(report({ result: { ...PASSED, tables } }))).toEqual([]);
});
