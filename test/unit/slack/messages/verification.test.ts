/** The verification report: verdict in words, a table of checks, the same as plain text, all in the thread. */
import { describe, expect, test } from 'vitest';

import { lintMessage } from '../../../../src/slack/limits.ts';
import { runMessage } from '../../../../src/slack/messages/run.ts';
import { threadMessage } from '../../../../src/slack/messages/thread.ts';
import { sampleFailedProof, sampleProof } from '../../../support/proof-samples.ts';
import { AROUND, readable, sampleRun, sampleView } from '../../../support/slack-samples.ts';

type Result = Parameters<typeof sampleRun>[0];

function viewOf(result: Result) {
  const explanation = {
    title: 'Prove that backup 20261122T021104Z of shop can be restored',
    facts: [],
    warnings: [],
    approveLabel: 'Verify shop',
    command: 'npx dbdr verify shop',
  };
  const endedAt = '2026-11-22T04:23:00.000000Z';
  const run = sampleRun({ operation: 'verify', state: 'done', endedAt, ...result });
  return sampleView({ run, explanation });
}

function report(result: Result): ReturnType<typeof runMessage> {
  return runMessage(viewOf(result), AROUND, 1);
}

function inThread(result: Result) {
  const view = viewOf(result);
  const { runId } = view.run;
  const event = {
    seq: 9,
    runId,
    at: '2026-11-22T04:23:00.000000Z',
    kind: 'done',
    data: {},
  } as const;
  const message = threadMessage(event, view);
  if (message === undefined) throw new Error('The end is told in the thread');
  return message;
}

function tableIn(message: Pick<ReturnType<typeof runMessage>, 'blocks'>) {
  const table = message.blocks.find((block) => block.type === 'table');
  return table?.rows.map((row) => row.map((cell) => ('text' in cell ? cell.text : '')));
}

describe('a passed proof', () => {
  test('opens with what it is restorable to, and which backup at which position says so', () => {
    const message = report({ result: sampleProof() });

    const text = readable(message);
    expect(text).toContain('*shop is restorable to 2026-11-22 04:19:58 UTC · PASS*');
    expect(text).toContain(
      'Backup 20261122T021104Z (the newest) was restored from west (proved longest ago) in 6 min 12 s and compared with production at log position 5/3A91F228',
    );
    expect(lintMessage(message)).toEqual([]);
  });

  test('shows its checks as a table, and the same as plain text', () => {
    const message = report({ result: sampleProof() });

    expect(tableIn(message)).toEqual([
      ['Check', 'Result', 'What was seen'],
      ['Restore', 'PASS', 'files in 340.1 s, log in 31.9 s, from west, 6 min 12 s'],
      [
        '2 largest tables',
        'PASS',
        '41,236,118 rows in 2 tables equal, and the contents of 1 and a seventh of the contents of 1 by hash, 1 min 21 s',
      ],
      ['Latest transaction', 'PASS', '04:14:07 UTC'],
      ['Scratch cluster', 'done', 'removed'],
    ]);
    expect(message.text).toContain('2 largest tables: PASS, 41,236,118 rows in 2 tables equal');
  });

  test('puts checks that passed and say little into one row, and tells each of them in the thread', () => {
    const { checks } = sampleProof();
    const more = ['Stored objects', 'Sequences'].map((check) => ({
      check,
      verdict: 'PASS' as const,
      detail: `${check} & all`,
      seconds: 0,
    }));
    const result = sampleProof({ checks: [...more, ...checks] });

    expect(tableIn(report({ result }))?.at(-2)).toEqual([
      '2 more checks',
      'PASS',
      'Stored objects, Sequences',
    ]);
    expect(report({ result }).text).toContain('2 more checks: PASS, Stored objects, Sequences');
    expect(readable(inThread({ result }))).toContain('*Sequences*  Sequences &amp; all');
  });

  test('ends with what is at risk, beside what was promised, and the next proof', () => {
    const said =
      'Data at risk now: 2.0 s (objective 5 min). Time to restore: 6 min 12 s (objective 30 min). Next proof tomorrow 04:00 UTC.';

    const message = report({ result: sampleProof() });

    expect(readable(message)).toContain(said);
    expect(message.text).toContain(said);
    expect(readable(message)).toContain('Exact: every count and every hash had to be equal.');
  });

  test('has every table with both counts and its hash in the thread, and what was not compared', () => {
    const message = inThread({ result: sampleProof() });

    expect(tableIn(message)).toEqual([
      ['Table', 'Rows in production', 'Rows in the copy', 'Contents'],
      ['orders', '41,186,118', '41,186,118', 'equal, pages 1000 to 2000: 9182736455'],
      ['users', '50,000', '50,000', 'equal: -77'],
    ]);
    expect(readable(message)).toContain('*Not compared:*\n• unlogged tables: sessions');
    expect(lintMessage(message)).toEqual([]);
  });
});

describe('a proof that failed', () => {
  test('says so in its first line, then what failed, and what to do next last', () => {
    const message = report({ result: sampleFailedProof() });

    expect(message.text.split('\n')[0]).toContain('shop could NOT be proved restorable · FAIL');
    const text = readable(message);
    const failed = text.indexOf(
      '*FAIL:* 2 largest tables: orders has 41,186,117 rows, production has 41,186,118',
    );
    const next = text.indexOf('The last good proof stands, of 2026-11-21 04:19:58 UTC.');
    expect(failed).toBeGreaterThan(0);
    expect(next).toBeGreaterThan(failed);
    expect(tableIn(message)).toContainEqual([
      'Table orders',
      'DIFFERENT',
      expect.stringContaining('41,186,117 rows in the copy, 41,186,118 in production'),
    ]);
    expect(lintMessage(message)).toEqual([]);
  });

  test('of an older version is told too, and names nobody by accident', () => {
    const check = { check: 'Restore', verdict: 'ERROR', detail: 'no <!channel> & no disk' };

    const message = report({ result: { verdict: 'ERROR', checks: [check] } });

    expect(readable(message)).toContain('*ERROR:* Restore: no &lt;!channel&gt; &amp; no disk');
    expect(lintMessage(message)).toEqual([]);
  });
});

test('a proof of hundreds of tables keeps within what Slack takes, and says how many more there are', () => {
  const [, users] = sampleProof().tables;
  if (users === undefined) throw new Error('There are two');
  const tables = Array.from({ length: 300 }, (_each, index) => ({
    ...users,
    table: `public.a_table_with_a_long_name_${index}`,
    restoredRows: 7,
    equal: false,
    outcome: 'different' as const,
  }));
  const leftOut = Array.from({ length: 1000 }, (_each, index) => `t${index}: ${'x'.repeat(400)}`);
  const result = sampleProof({ verdict: 'FAIL', tables, leftOut });

  for (const message of [report({ result }), inThread({ result })]) {
    expect(lintMessage(message)).toEqual([]);
    const rows = tableIn(message) ?? [];
    expect(rows.length).toBeLessThanOrEqual(100);
    expect(rows.flat().join('').length).toBeLessThan(10_000);
    expect(rows.at(-1)?.[0]).toMatch(/^and \d+ more$/);
  }
});
