/**
 * The app before the workspace, which refuses whatever Slack would refuse: people type, click and fill
 * in forms, and read what the bot answers.
 */
import { expect, onTestFinished, test } from 'vitest';

import { runnerService } from '../../src/gate/runner.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLog } from '../../src/kernel/log.ts';
import type { Service } from '../../src/kernel/service.ts';
import { startWorkspace, type Workspace } from '../../src/workspace/workspace.ts';
import { SECRET } from '../support/fake-slack.ts';
import { type BareBot, BOT_TOKEN, startBareBot } from '../support/slack-bot.ts';

const PEOPLE = [
  { id: 'U0ANA', name: 'ana', realName: 'Ana', title: 'Asks', zone: 'Europe/Berlin' },
  { id: 'U0BEN', name: 'ben', realName: 'Ben', title: 'Approver', zone: 'Europe/London' },
  { id: 'U0CLEO', name: 'cleo', realName: 'Cleo', title: 'Approver', zone: 'UTC' },
  { id: 'U0OTTO', name: 'otto', realName: 'Otto', title: 'Outsider', zone: 'UTC' },
];

const LIMIT_MS = 10_000;

interface Stage extends AsyncDisposable {
  readonly workspace: Workspace;
  readonly bot: BareBot;
  readonly signal: AbortSignal;
}

async function openStage(): Promise<Stage> {
  const stack = new AsyncDisposableStack();
  const workspace = stack.use(
    await startWorkspace({
      port: 0,
      people: PEOPLE,
      channels: [
        { id: 'C0OPS', name: 'ops' },
        { id: 'C0NEWS', name: 'stakeholders' },
        { id: 'C0DEV', name: 'dev', appIsMember: false },
      ],
      userGroups: [{ id: 'S0APPROVE', handle: 'dba', name: 'DBA', users: ['U0BEN'] }],
      botToken: BOT_TOKEN,
      signingSecret: SECRET,
      requestUrl: 'http://127.0.0.1:9/slack/events',
      clock: systemClock,
      log: silentLog,
    }),
  );
  const bot = stack.use(await startBareBot(workspace.apiUrl));
  workspace.pointAt(`http://127.0.0.1:${bot.app.port}/slack/events`);
  for (const service of bot.app.services) keepRunning(service);
  const { clock, log } = bot.deps;
  keepRunning(runnerService({ gate: bot.gate, runs: bot.catalog.runs, clock, log }));
  return {
    workspace,
    bot,
    signal: AbortSignal.timeout(LIMIT_MS),
    [Symbol.asyncDispose]: async () => stack.disposeAsync(),
  };
}

function keepRunning(service: Service): void {
  const stop = new AbortController();
  const running = service.run({ signal: stop.signal, ready: () => undefined });
  running.catch(() => undefined);
  onTestFinished(async () => {
    stop.abort();
    await running.catch(() => undefined);
  });
}

test('a pair is asked for, approved by somebody else and done, in one message', async () => {
  await using stage = await openStage();
  const { workspace, signal } = stage;

  await workspace.as('U0ANA').command('/dbdr pair', 'ops');
  const waiting = await workspace.waitForMessage(
    'ops',
    ({ text }) => text.includes('Do pair on shop: Done') && text.includes('Waiting'),
    { signal },
  );
  await workspace.as('U0OTTO').click(waiting.ts, 'Approve dangerous of shop');
  const refused = await workspace.waitForEphemeral('U0OTTO', () => true, { signal });
  await workspace.as('U0BEN').click(waiting.ts, 'Approve dangerous of shop');
  const done = await workspace.waitForMessage(
    'ops',
    ({ text }) => text.includes('Do dangerous on shop: Done'),
    { signal },
  );

  expect(refused.text).toContain('otto is not an approver');
  expect(done.ts).toBe(waiting.ts);
  expect(workspace.messages('ops').filter(({ threadTs }) => threadTs === undefined)).toHaveLength(
    1,
  );
  await workspace.waitForMessage('ops', ({ text }) => text === 'Approved by @ben', { signal });
});

test('an incident is opened in its form, and stakeholders are told after a preview', async () => {
  await using stage = await openStage();
  const { workspace, signal } = stage;
  const ana = workspace.as('U0ANA');

  await ana.command('/dbdr incident', 'ops');
  const form = await workspace.waitForView('U0ANA', () => true, { signal });
  await ana.submit(form.id, {
    'What happened?': 'A migration or deploy did damage',
    'Which tables, if you know?': 'orders',
  });
  await workspace.waitForMessage('ops', ({ text }) => text.startsWith('Incident:'), { signal });
  await ana.command('/dbdr update', 'ops');
  const update = await workspace.waitForView('U0ANA', ({ id }) => id !== form.id, { signal });
  await ana.submit(update.id, { 'What we do': 'They are being brought back.' });
  const preview = await workspace.waitForView(
    'U0ANA',
    ({ content }) => JSON.stringify(content).includes('This will be posted'),
    { signal },
  );
  expect(workspace.messages('stakeholders')).toEqual([]);
  await ana.submit(preview.id, {});

  const news = await workspace.waitForMessage('stakeholders', () => true, { signal });
  expect(news.text).toContain('Update 1');
  await workspace.waitForEphemeral('U0ANA', ({ text }) => text.includes('Posted in'), { signal });
});

test('a form with a mistake stays open', async () => {
  await using stage = await openStage();
  const { workspace, signal } = stage;
  await workspace.as('U0ANA').command('/dbdr incident', 'ops');
  const form = await workspace.waitForView('U0ANA', () => true, { signal });

  const outcome = await workspace.as('U0ANA').submit(form.id, {
    'What happened?': 'Rows or a table are gone',
    'Which tables, if you know?': 'or;ders',
  });

  expect(JSON.stringify(outcome)).toContain('is not the name of a table');
  expect(workspace.openViews('U0ANA')).toHaveLength(1);
});

test('from the report of a proof people turn its tables, see the proofs before it, and open one walk', async () => {
  await using stage = await openStage();
  const { workspace, signal } = stage;
  const [ana, otto] = [workspace.as('U0ANA'), workspace.as('U0OTTO')];
  await ana.command('/dbdr verify', 'ops');
  const report = await workspace.waitForMessage(
    'ops',
    ({ text, blocks }) =>
      text.startsWith('shop could NOT') && JSON.stringify(blocks).includes('/archives/'),
    { signal, what: 'the report, with a link to itself' },
  );
  const link = /<([^|>]+\/archives\/[^|>]+)\|/.exec(JSON.stringify(report.blocks))?.[1];
  expect(link).toMatch(/\/archives\/C0OPS\/p\d+$/);

  await otto.click(report.ts, 'Tables');
  const first = await workspace.waitForEphemeral(
    'U0OTTO',
    ({ text }) => text.includes('Tables 1 to 50 of 62'),
    { signal },
  );
  expect(first.text).toContain('orders, 41,186,118, 41,186,117, DIFFERENT');
  await otto.click(first.ts, 'More tables');
  const second = await workspace.waitForEphemeral(
    'U0OTTO',
    ({ text }) => text.includes('Tables 51 to 62 of 62'),
    { signal },
  );
  expect(second.ts).toBe(first.ts);
  await otto.click(second.ts, 'Earlier tables');
  await workspace.waitForEphemeral('U0OTTO', ({ text }) => text.includes('Tables 1 to 50'), {
    signal,
  });

  await otto.click(report.ts, 'History');
  const history = await workspace.waitForEphemeral(
    'U0OTTO',
    ({ text }) => text.startsWith('The last proof of shop'),
    { signal },
  );
  expect(history.text).toContain('FAIL, 20261122T021104Z, west, 5/3A91F228, 8 min 1 s');
  expect(JSON.stringify(history.blocks)).toContain(link);

  await Promise.all([ana.click(report.ts, 'Open the walk'), ana.click(report.ts, 'Open the walk')]);
  const opened = await workspace.waitForEphemeral(
    'U0ANA',
    ({ text }) => text.includes('Its steps are in <#C0OPS>'),
    { signal },
  );
  expect(opened.text).toMatch(/<[^|]+\/archives\/C0OPS\/p\d+\|inc-1122-shop>/);
  expect(workspace.messages('ops').filter(({ text }) => text.startsWith('Incident:'))).toHaveLength(
    1,
  );
});

test('a run asked for where the app is no member speaks in the operations channel', async () => {
  await using stage = await openStage();
  const { workspace, signal } = stage;

  await workspace.as('U0ANA').command('/dbdr harmless', 'dev');

  const message = await workspace.waitForMessage('ops', ({ text }) => text.includes('Done'), {
    signal,
  });
  expect(message.text).toContain('Do harmless on shop');
});

test('help and what only looks are answered for the asker alone', async () => {
  await using stage = await openStage();
  const { workspace, signal } = stage;

  await workspace.as('U0OTTO').command('/dbdr', 'ops');
  await workspace.as('U0OTTO').command('/dbdr look', 'dev');

  await workspace.waitForEphemeral('U0OTTO', ({ text }) => text.includes('Usage: /dbdr'), {
    signal,
  });
  await workspace.waitForEphemeral('U0OTTO', ({ text }) => text.includes('look'), { signal });
  expect(workspace.messages('ops')).toEqual([]);
});
