/** A run's living message, from asking to its end. */
import { expect, test } from 'vitest';

import { lintMessage } from '../../../../src/slack/limits.ts';
import { APPROVE, REFUSE } from '../../../../src/slack/messages/approval.ts';
import { CANCEL, runMessage } from '../../../../src/slack/messages/run.ts';
import type { RunView } from '../../../../src/slack/run-view.ts';
import {
  AROUND,
  buttonsOf,
  decidedBy,
  NOW,
  readable,
  sampleRun,
  sampleView,
  waitingTables,
} from '../../../support/slack-samples.ts';

test('runMessage() names server, target, tables, expiry and approvers without the asker', () => {
  const view = sampleView({ followUps: [waitingTables()] });
  const around = { ...AROUND, approvers: ['U0ANA', 'U0BEN', 'U0CLEO'] };

  const message = runMessage(view, around, 7);

  const text = readable(message);
  expect(text).toContain('<@U0ANA> asks to *bring orders back into shop');
  expect(text).toContain('*Server*  shop');
  expect(text).toContain('*Tables*  public.orders');
  expect(text).toContain('*Target*  2026-11-22 14:46:00 UTC');
  expect(text).toContain('Needs 1 of <@U0BEN> or <@U0CLEO> (not <@U0ANA>)');
  expect(text).toContain('expires 2026-11-22 15:27:00 UTC');
  expect(text).toContain('*Mind:* The copy needs 61 MB on production');
  expect(buttonsOf(message)).toEqual([APPROVE, REFUSE, CANCEL]);
  expect(lintMessage(message)).toEqual([]);
});

test('runMessage() takes target and tables from where they are known', () => {
  const waiting = waitingTables({ plan: { tables: [{ table: 'orders' }, { table: 'users' }] } });
  const explanation = { ...waiting.explanation, facts: [] };

  const { blocks } = runMessage(
    sampleView({ followUps: [{ ...waiting, explanation }] }),
    AROUND,
    1,
  );

  const divider = blocks.findIndex(({ type }) => type === 'divider');
  const text = readable({ blocks: blocks.slice(divider) });
  expect(text).toContain('*Server*  shop');
  expect(text).toContain('*Tables*  orders, users');
  expect(text).toContain(
    '*Target*  2026-11-22 14:46:00 UTC (15:46:00 Berlin, 6 minutes ago when it was asked)',
  );
});

test('runMessage() leaves the asker among the approvers where approving oneself is allowed', () => {
  const around = { ...AROUND, approvers: ['U0ANA', 'U0BEN'], selfAllowed: true };

  const text = readable(runMessage(sampleView({ followUps: [waitingTables()] }), around, 1));

  expect(text).toContain('Needs 1 of <@U0ANA> or <@U0BEN>');
  expect(text).not.toContain('(not <@U0ANA>)');
});

test('runMessage() puts run id and plan hash into the button, and a confirm dialog before it', () => {
  const message = runMessage(sampleView({ followUps: [waitingTables()] }), AROUND, 7);

  const button = message.blocks
    .flatMap((block) => (block.type === 'actions' ? block.elements : []))
    .find((element) => 'action_id' in element && element.action_id === APPROVE);
  expect(button).toMatchObject({
    value: 'r-20261122T145200-000002 7f3a91c2e5d4b6a8',
    text: { text: 'Approve restore of shop' },
    accessibility_label: 'Approve restore of shop, plan 7f3a91c2',
  });
  expect(JSON.stringify(button)).toContain('This has an effect on production on shop.');
});

test('runMessage() has no approving buttons once somebody approved, and says who and when', () => {
  const approved = waitingTables({ state: 'approved', deciders: [decidedBy('ben', 'approve')] });

  const message = runMessage(sampleView({ followUps: [approved] }), AROUND, 8);

  expect(buttonsOf(message)).not.toContain(APPROVE);
  expect(readable(message)).toContain('Approved by <@U0BEN> at 14:57:40 UTC');
  expect(readable(message)).toContain('Approved, starting');
});

test('runMessage() says who approved while another approval is still needed', () => {
  const half = waitingTables({ deciders: [decidedBy('ben', 'approve')] });

  const text = readable(runMessage(sampleView({ followUps: [half] }), { ...AROUND, needed: 2 }, 1));

  expect(text).toContain('1 of 2 have: <@U0BEN> at 14:57:40 UTC');
});

test.each([
  ['refused', 'Refused by <@U0CLEO> at 14:57:40 UTC', [decidedBy('cleo', 'refuse')]],
  ['expired', 'Expired undecided', []],
] as const)('runMessage() of a %s follow-up leaves no button behind', (state, words, deciders) => {
  const view = sampleView({
    run: sampleRun({ state: 'done', endedAt: '2026-11-22T14:55:00.000000Z' }),
    followUps: [waitingTables({ state, deciders, endedAt: '2026-11-22T15:27:00.000000Z' })],
  });

  const message = runMessage(view, AROUND, 9);

  expect(readable(message)).toContain(words);
  expect(buttonsOf(message)).toEqual([]);
});

test('runMessage() shows steps with words beside their signs, percent and seconds', () => {
  const view = sampleView({
    steps: [
      { title: 'Read 61 MB from here', state: 'done', beganAt: '2026-11-22T14:52:01Z', seconds: 9 },
      {
        title: 'Replay',
        state: 'running',
        beganAt: '2026-11-22T14:55:20Z',
        doneBytes: 39_000_000,
        totalBytes: 61_000_000,
      },
    ],
  });

  const text = readable(runMessage(view, AROUND, 1));

  expect(text).toContain('✓ Read 61 MB from here (done) · 9.0 s');
  expect(text).toContain('▸ Replay (now) · 63 %, 39.0 MB of 61.0 MB · 1 min 40 s');
});

test('runMessage() gives each update block ids of its own', () => {
  const [first, second] = [1, 2].map((version) => runMessage(sampleView(), AROUND, version));

  const ids = [first, second].flatMap((message) =>
    (message?.blocks ?? []).map((block) => block.block_id),
  );
  expect(new Set(ids).size).toBe(ids.length);
});

test('runMessage() of a finished table restore shows the joining SQL and the rows counted', () => {
  const done = waitingTables({
    state: 'done',
    deciders: [decidedBy('ben', 'approve')],
    result: {
      tables: [
        {
          table: 'public.orders',
          restoredAs: 'dbdr_restored_r1.orders',
          rows: 50_000,
          what: 'Column shipping_address is gone from orders.',
          joinSql: 'UPDATE orders o SET shipping_address = r.shipping_address FROM …',
          verificationSql: 'SELECT count(*) FROM orders WHERE shipping_address IS NULL',
        },
      ],
      cleanupSql: 'DROP SCHEMA dbdr_restored_r1 CASCADE',
    },
  });
  const view = sampleView({
    run: sampleRun({
      state: 'done',
      endedAt: '2026-11-22T14:55:00.000000Z',
      result: {
        runId: 'r-1',
        verification: 'The copy stands paused and read-only at 5/3A91F228.',
        reachedLsn: '5/3A91F228',
        reachedAt: '2026-11-22T14:45:59.118000Z',
        instance: {
          url: 'postgres:///shop?host=/tmp/s',
          directory: '/tmp/s',
          expiresAt: '2026-11-22T16:55:00Z',
        },
      },
    }),
    followUps: [done],
  });

  const message = runMessage(view, AROUND, 20);

  const text = readable(message);
  expect(text).toContain('public.orders: 50,000 rows in dbdr_restored_r1.orders');
  expect(text).toContain('UPDATE orders o SET shipping_address');
  expect(text).toContain('It worked when this answers 0:');
  expect(text).toContain('DROP SCHEMA dbdr_restored_r1 CASCADE');
  expect(text).toContain('*Checked*  The copy stands paused');
  expect(text).toContain('log position 5/3A91F228');
  expect(text).toContain('Keep the copy longer');
  expect(message.text).toContain('50,000 rows');
  expect(lintMessage(message)).toEqual([]);
});

test('SQL that is too long for a section is named, never cut', () => {
  const joinSql = `UPDATE orders SET ${'x = y, '.repeat(600)} z = 1`;
  const tables = [{ table: 'orders', restoredAs: 'r.orders', rows: 1, joinSql }];

  const message = runMessage(
    sampleView({ run: sampleRun({ state: 'done', result: { tables } }) }),
    AROUND,
    1,
  );

  expect(readable(message)).not.toContain('UPDATE orders');
  expect(readable(message)).toContain('npx dbdr runs --run r-20261122T145200-000001 --json');
  expect(lintMessage(message)).toEqual([]);
});

test('runMessage() of a failed run says what happened, what to do next and where to read', () => {
  const view = sampleView({
    run: sampleRun({
      state: 'failed',
      endedAt: NOW.toString(),
      problem: {
        code: 'SCRATCH_FULL',
        message: 'Cannot restore "shop": 3 GB are free, 18 GB are needed',
        hint: 'Free room, or set `scratch.path` to a larger disk.',
        retry: 'later',
        runbook: 'point-in-time.md',
      },
    }),
  });

  const message = runMessage(view, AROUND, 1);

  expect(readable(message)).toContain('3 GB are free, 18 GB are needed');
  expect(readable(message)).toContain('Free room');
  expect(readable(message)).toContain('runbooks/point-in-time.md');
  expect(message.text).toContain('SCRATCH_FULL');
  expect(buttonsOf(message)).toEqual([]);
});

test('runMessage() keeps within the limits however much there is to say', () => {
  const long = 'x'.repeat(5000);
  const explanation = {
    title: long,
    facts: Array.from({ length: 60 }, (_each, index) => [`Fact ${index}`, long] as const),
    warnings: [long, long],
    approveLabel: long,
    command: long,
  };
  const steps = Array.from({ length: 90 }, (_each, index) => ({
    title: `${index} ${long}`,
    state: 'running' as const,
    beganAt: NOW.toString(),
    note: long,
  }));
  const followUp = { ...waitingTables(), explanation, steps };

  const message = runMessage(sampleView({ explanation, steps, followUps: [followUp] }), AROUND, 1);

  expect(lintMessage(message)).toEqual([]);
});

test('runMessage() escapes what came from outside, so that nobody is mentioned by accident', () => {
  const view = sampleView({
    explanation: { ...sampleView().explanation, title: 'Restore <!channel> & co' },
  });

  expect(readable(runMessage(view, AROUND, 1))).toContain('Restore &lt;!channel&gt; &amp; co');
});

test('runMessage() says in its first line how far the page of a failed proof is', () => {
  const title = 'shop could NOT be proved restorable';
  const result = { verdict: 'FAIL', title };
  const run = sampleRun({ operation: 'verify', state: 'done', result });
  function firstLine(paged?: RunView['paged']): string | undefined {
    const message = runMessage(sampleView({ run, paged }), AROUND, 1);
    expect(lintMessage(message)).toEqual([]);
    return message.text.split('\n')[0];
  }

  const at = '2026-11-22T04:09:12.000000Z';
  const accepted = firstLine({ outcome: 'accepted', by: 'PagerDuty', at });
  expect(accepted).toContain(`${title} · FAIL · page accepted by PagerDuty at 04:09 UTC`);
  expect(firstLine({ outcome: 'waiting', said: '503' })).toContain('NOT been accepted yet: 503');
  expect(firstLine({ outcome: 'nobody' })).toContain('nobody is paged: no pager is configured');
  // Nothing was heard of a page: it must not look as if somebody were on the way.
  expect(firstLine()).toContain('the page has NOT been accepted yet');
});
