/** The smaller messages: backup, status, lists, refusals, problems, incidents, updates, forms. */
import { expect, test } from 'vitest';

import { Problem } from '../../../../src/kernel/problem.ts';
import { lintMessage, lintView } from '../../../../src/slack/limits.ts';
import { answerMessage } from '../../../../src/slack/messages/answer.ts';
import {
  incidentForm,
  noteView,
  updateForm,
  updatePreview,
} from '../../../../src/slack/messages/forms.ts';
import { helpMessage } from '../../../../src/slack/messages/help.ts';
import { incidentMessage } from '../../../../src/slack/messages/incident.ts';
import { planMessage } from '../../../../src/slack/messages/plan.ts';
import { problemMessage, problemOf } from '../../../../src/slack/messages/problem.ts';
import { refusalMessage } from '../../../../src/slack/messages/refusal.ts';
import { runMessage } from '../../../../src/slack/messages/run.ts';
import { updateMessage } from '../../../../src/slack/messages/update.ts';
import { SLACK_WORDS_WRONG } from '../../../../src/slack/problems.ts';
import {
  AROUND,
  buttonsOf,
  decidedBy,
  NOW,
  RESTORE_EXPLAINED,
  readable,
  sampleIncident,
  sampleRun,
  sampleView,
  waitingTables,
} from '../../../support/slack-samples.ts';

const READER = { zone: 'Europe/Berlin', now: NOW };

test('a finished backup says how much was read and stored, where, and how long it took', () => {
  const run = sampleRun({
    operation: 'backup',
    state: 'done',
    result: {
      backupId: '20261122T021104Z',
      beganAt: '2026-11-22T02:11:04.000000Z',
      endedAt: '2026-11-22T02:15:04.000000Z',
      sourceBytes: 18_200_000_000,
      storedBytes: 6_100_000_000,
      stores: ['here', 'west'],
      proofPoint: { tables: 2, rows: 50_012, hashed: 1, seconds: 2.2 },
      withoutProofPoint: null,
    },
  });

  const message = runMessage(sampleView({ run }), AROUND, 1);

  expect(readable(message)).toContain('Proof point: 50,012 rows of 2 tables counted, 1 hashed');
  expect(readable(message)).toContain('Backup 20261122T021104Z is in here and west, 4 min');
  expect(readable(message)).toContain('18.2 GB read, 6.1 GB stored, encrypted');
  expect(message.text).toContain('18.2 GB read');
  expect(lintMessage(message)).toEqual([]);
});

test('a damaged backup says so in its first line and what to do', () => {
  const run = sampleRun({
    operation: 'backup',
    state: 'done',
    result: {
      backupId: '20261122T021104Z',
      stores: ['here'],
      damagedFiles: Array.from({ length: 7 }, (_each, index) => `base/1/${index}`),
      damagedPlaces: Array.from({ length: 7 }, (_each, index) => `base/1/${index} (block 9)`),
      damage: ['pack 3: truncated'],
      leftOut: ['/etc/postgresql/15/main/pg_hba.conf', 'linked.conf'],
      proofPoint: null,
      withoutProofPoint: 'no usable snapshot in ten',
    },
  });

  const message = runMessage(sampleView({ run }), AROUND, 1);

  expect(message.text.split('\n')[0]).toContain('The backup of shop is DAMAGED');
  expect(readable(message)).toContain('base/1/4 (block 9) and 2 more. Look at its disk now');
  expect(readable(message)).toContain(
    'Not in it, keep them elsewhere: /etc/postgresql/15/main/pg_hba.conf and linked.conf',
  );
  expect(readable(message)).toContain('pack 3: truncated. Take another backup now');
  expect(readable(message)).toContain('No proof point: no usable snapshot in ten');
});

test('the status says each moment in UTC, in the zone of the reader and as an age', () => {
  const result = {
    servers: [
      {
        server: 'shop',
        lastBackupAt: '2026-11-22T02:11:04.000000Z',
        lastVerifiedAt: null,
        recoverableFrom: '2026-11-08T02:11:04.000000Z',
        recoverableTo: '2026-11-22T14:56:58.000000Z',
        rpoSeconds: 2,
        rtoSeconds: null,
        findings: [{ severity: 'page', summary: 'The slot is full.', hint: 'Free room.' }],
      },
    ],
    findings: [{ severity: 'warn', summary: 'A service is down.', hint: 'Look at it.' }],
  };

  const message = answerMessage('status', result, READER);

  expect(readable(message)).toContain(
    'shop is restorable to 2026-11-22 14:56:58 UTC (15:56:58 Berlin, just now)',
  );
  expect(readable(message)).toContain('*Last proof*  none yet');
  expect(readable(message)).toContain('*Time to restore*  unknown');
  expect(readable(message)).toContain('*Now:* The slot is full. Free room.');
  expect(readable(message)).toContain('*This week:* A service is down. Look at it.');
  expect(message.text).toContain('A service is down.');
  expect(lintMessage(message)).toEqual([]);
});

test('runs are listed with who asked, who decided and how each ended', () => {
  const run = {
    runId: 'r-1',
    operation: 'restore',
    server: 'shop',
    state: 'done',
    asker: { name: 'ana' },
    deciders: [{ actor: { name: 'ben' }, decision: 'approve' }],
    askedAt: '2026-11-22T14:52:00.000000Z',
  };

  const text = readable(answerMessage('runs', { runs: [run] }, READER));

  expect(text).toContain('r-1: restore of shop · done · asked by ana 2026-11-22 14:52:00 UTC');
  expect(text).toContain('approved by ben');
});

test('backups are listed with sizes, stores and their proof; without any it says what to do', () => {
  const backup = {
    backupId: '20261122T021104Z',
    endedAt: '2026-11-22T02:15:04Z',
    sourceBytes: 1_000_000,
    storedBytes: 300_000,
    stores: ['here'],
    verified: { verdict: 'PASS', at: '2026-11-22T04:19:58Z' },
  };

  const text = readable(answerMessage('backups', { backups: [backup] }, READER));

  expect(text).toContain('1.0 MB read, 300 kB stored · in here · proof PASS');
  expect(readable(answerMessage('backups', { backups: [] }, READER))).toContain('`backup`');
});

test('open incidents are listed with who leads and which step is due', () => {
  const incident = {
    incidentId: 'inc-1122-shop',
    title: 'shop: a change did damage',
    openedAt: '2026-11-22T14:53:00Z',
    closedAt: null,
    lead: 'ana',
    nextStep: 2,
  };

  const text = readable(answerMessage('incident', { said: '', incidents: [incident] }, READER));

  expect(text).toContain('inc-1122-shop: shop: a change did damage · open since 2026-11-22 14:53');
  expect(text).toContain('lead ana · step 2 is due');
});

test('backups that a store does not tell of are not passed over', () => {
  const result = {
    backups: [],
    older: 4,
    unreachable: [{ store: 'west', reason: 'no answer' }],
    unreadable: [{ store: 'here', key: 'k', reason: 'truncated' }],
  };

  const text = readable(answerMessage('backups', result, READER));

  expect(text).toContain('and 4 older');
  expect(text).toContain('Store west does not answer: no answer');
  expect(text).toContain('Not readable in here: k truncated');
});

test('restored copies are listed with where they are and until when', () => {
  const copy = {
    instance: 'r-1',
    server: 'shop',
    url: 'postgres:///shop?host=/tmp/s',
    why: 'Restore shop',
    expiresAt: null,
    running: false,
  };

  const text = readable(answerMessage('instances', { instances: [copy] }, READER));

  expect(text).toContain('r-1: copy of shop · Restore shop · postgres:///shop?host=/tmp/s');
  expect(text).toContain('stays · not running');
});

test('an answer nobody wrote a message for is readable all the same', () => {
  const result = { lagBytes: 61_000_000, missing: [], coverage: [{ from: '0/1', timeline: 1 }] };

  const message = answerMessage('wal', result, READER);

  expect(readable(message)).toContain('lag: 61.0 MB');
  expect(readable(message)).toContain('missing: none');
  expect(readable(message)).toContain('from 0/1 · timeline 1');
  expect(lintMessage(message)).toEqual([]);
});

test('a refusal names who else may, never the person who clicked nor the one who asked', () => {
  const decided = {
    outcome: 'not decided' as const,
    run: waitingTables().run,
    why: 'otto is not an approver',
    code: 'GATE_NOT_ALLOWED',
  };

  const message = refusalMessage(decided, { ...AROUND, approvers: ['U0ANA', 'U0BEN'] }, 'U0OTTO');

  expect(readable(message)).toBe('*otto is not an approver.* It waits for <@U0BEN>.');
});

test('who clicks too late reads it as news', () => {
  const run = waitingTables({ state: 'running', deciders: [decidedBy('ben', 'approve')] }).run;
  const why = 'Already approved by ben at 2026-11-22 14:57:40 UTC';

  const message = refusalMessage({ outcome: 'not decided', run, why, code: 'X' }, AROUND, 'U0CLEO');

  expect(message.text).toBe(`${why}. It is running.`);
});

test('a problem says what happened, what to do next and its code; a bug tells no secrets', () => {
  const problem = new Problem(SLACK_WORDS_WRONG, 'Cannot read "resotre": no such operation');

  expect(problemMessage(problemOf(problem)).text).toBe(
    'Cannot read "resotre": no such operation. Type `help` for what can be asked. (SLACK_WORDS_WRONG)',
  );
  expect(problemMessage(problemOf(new Error('password=x'))).text).not.toContain('password');
});

test('an incident shows the step that is due, its exact command and its verification query', () => {
  const message = incidentMessage(sampleIncident(), NOW);

  const text = readable(message);
  expect(text).toContain('Open since 14:53:00 UTC (4 min) · server shop · lead <@U0ANA>');
  expect(text).toContain('✓ 1. Stop what does the damage (done) · @ana at 14:54:10 UTC');
  expect(text).toContain('*Step 2: Restore to before it* · about 4 min');
  expect(text).toContain('npx dbdr restore shop --to 2026-11-22T14:46:00Z');
  expect(text).toContain('WHERE id &lt; 10');
  expect(text).toContain('not told yet');
  expect(buttonsOf(message)).toEqual([
    'incident_step_do',
    'incident_step_skip',
    'incident_update',
    'incident_close',
  ]);
  expect(lintMessage(message)).toEqual([]);
});

test('the prose of a step is not broken where its page was', () => {
  const [, step] = sampleIncident().steps;
  const prose = 'Do not run\nVACUUM.\n\nThen:\n- look\n- wait';
  const steps = step === undefined ? [] : [{ ...step, prose }];

  const text = readable(incidentMessage(sampleIncident({ steps }), NOW));

  expect(text).toContain('Do not run VACUUM.\n\nThen:\n- look\n- wait');
});

test('a closed incident has no buttons, and a late update is said to be late', () => {
  const closed = incidentMessage(sampleIncident({ closedAt: NOW.toString() }), NOW);
  const updates = { count: 1, lastAt: '2026-11-22T14:00:00Z', nextDueAt: '2026-11-22T14:20:00Z' };
  const late = incidentMessage(sampleIncident({ updates }), NOW);

  expect(buttonsOf(closed)).toEqual([]);
  expect(readable(late)).toContain('next update was due 14:20:00 UTC');
});

test('an update for stakeholders has its parts, its signature and no buttons', () => {
  const message = updateMessage({
    title: 'Update 1 · 14:56 UTC · Orders service',
    parts: [
      ['What', 'Shipping addresses are missing since 14:42 UTC.'],
      ['Next update by', '15:16 UTC'],
    ],
    signature: 'Ben, for the incident team',
  });

  expect(readable(message)).toContain('*What*  Shipping addresses are missing since 14:42 UTC.');
  expect(message.text).toContain('— Ben, for the incident team');
  expect(buttonsOf(message)).toEqual([]);
  expect(lintMessage(message)).toEqual([]);
});

test('every form keeps within the limits of Slack', () => {
  const draft = {
    incidentId: 'inc-1122-shop',
    what: 'x'.repeat(900),
    impact: 'i',
    doing: 'd',
    nextInMinutes: 20,
  };
  const views = [
    incidentForm({
      scenarios: [{ id: 'gone', title: 'Rows or a table are gone' }],
      servers: ['shop'],
      now: NOW,
      channel: 'C0OPS',
      reachable: ['shop: from a to b'],
    }),
    updateForm({ incidents: [sampleIncident()], draft, channel: 'C0OPS' }),
    updatePreview({
      update: { title: 'Update 1', parts: [['What', 'x']], signature: 'Ben' },
      stakeholders: 'C0NEWS',
      metadata: JSON.stringify({ ...draft, what: '"'.repeat(400), channel: 'C0OPS' }),
    }),
    noteView('Cannot preview this', 'Because.'),
  ];

  expect(views.flatMap(lintView)).toEqual([]);
});

test('help and a plan that is only looked at name the exact commands', () => {
  const help = helpMessage('Usage: /dbdr <operation> …\n  backup  Take one');
  const plan = planMessage(RESTORE_EXPLAINED);

  expect(readable(help)).toContain('backup  Take one');
  expect(readable(plan)).toContain(RESTORE_EXPLAINED.command);
  expect(readable(plan)).toContain('nothing was started');
  expect([...lintMessage(help), ...lintMessage(plan)]).toEqual([]);
});
