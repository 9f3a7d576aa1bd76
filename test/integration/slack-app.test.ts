/** The Slack app over real HTTP, before a real gate: signatures, acknowledging, clicks. */
import { expect, test } from 'vitest';

import type { RunRecord } from '../../src/catalog/runs.ts';
import { sendSigned } from '../support/fake-slack.ts';
import { type SlackBot, startSlackBot } from '../support/slack-bot.ts';
import { waitUntil } from '../support/wait-until.ts';

async function askDangerous(bot: SlackBot): Promise<RunRecord> {
  await bot.type('U0ANA', 'dangerous');
  await waitUntil(async () => (await bot.catalog.runs.list({ limit: 1 })).length === 1);
  const [run] = await bot.catalog.runs.list({ limit: 1 });
  if (run === undefined) throw new Error('No run');
  return run;
}

function whispered(bot: SlackBot): string {
  return bot.slack.whispers.map(({ text }) => String(text)).join('\n');
}

test('a signed command is acknowledged at once and answered for the asker alone', async () => {
  await using bot = await startSlackBot();
  const began = performance.now();

  const answer = await bot.type('U0ANA', 'look');

  expect(answer.status).toBe(200);
  expect(performance.now() - began).toBeLessThan(3000);
  await waitUntil(() => bot.slack.whispers.length === 1);
  expect(bot.slack.whispers[0]).toMatchObject({ response_type: 'ephemeral' });
});

test.each([
  ['another secret', { secret: 'somebody-elses' }],
  ['a signature that is six minutes old', { ageSeconds: 360 }],
])('a request with %s is refused', async (_what, wrong) => {
  await using bot = await startSlackBot();

  const answer = await sendSigned({
    port: bot.app.port,
    fields: { command: '/dbdr', text: 'look', user_id: 'U0ANA', channel_id: 'C0OPS' },
    ...wrong,
  });

  expect(answer.status).toBe(401);
  expect(bot.slack.calls).toEqual([]);
});

test('health answers without a signature', async () => {
  await using bot = await startSlackBot();

  const answer = await fetch(`http://127.0.0.1:${bot.app.port}/health`);

  expect(await answer.json()).toEqual({ ok: true });
});

test('a command is acknowledged within three seconds even when Slack itself is slow', async () => {
  await using bot = await startSlackBot();
  bot.slack.arrange('users.info', { retryAfterSeconds: 4 });
  const began = performance.now();

  const answer = await bot.type('U0ANA', 'look');

  expect(answer.status).toBe(200);
  expect(performance.now() - began).toBeLessThan(3000);
});

test('the same trigger delivered twice asks once', async () => {
  await using bot = await startSlackBot();

  await Promise.all([
    bot.type('U0ANA', 'harmless', 'trigger-x'),
    bot.type('U0ANA', 'harmless', 'trigger-x'),
  ]);

  await waitUntil(() => bot.slack.whispers.length === 1);
  expect(await bot.catalog.runs.list({ limit: 9 })).toHaveLength(1);
  expect(whispered(bot)).toContain('Already asked');
});

test('an unknown operation is answered for the asker with what to do next', async () => {
  await using bot = await startSlackBot();

  await bot.type('U0ANA', 'harmles');

  await waitUntil(() => bot.slack.whispers.length === 1);
  expect(whispered(bot)).toContain('Did you mean `harmless`?');
});

test.each([
  ['U0OTTO', 'otto is neither operator nor approver'],
  ['U0GUEST', 'guest has no role here'],
  ['U0ALIEN', 'alien has no role here'],
])('%s may not ask for a run and is told why', async (userId, why) => {
  await using bot = await startSlackBot();

  await bot.type(userId, 'harmless');

  await waitUntil(() => bot.slack.whispers.length === 1);
  expect(whispered(bot)).toContain(why);
  expect(await bot.catalog.runs.list({ limit: 9 })).toEqual([]);
});

test.each(['U0GUEST', 'U0ALIEN'])('%s is shown nothing of a proof', async (userId) => {
  await using bot = await startSlackBot();
  await bot.type('U0ANA', 'verify');
  await waitUntil(async () => (await bot.catalog.runs.list({ limit: 9 })).length === 1);
  const [proof] = await bot.catalog.runs.list({ limit: 9 });
  if (proof === undefined) throw new Error('No proof');
  await bot.gate.perform(proof.runId, { signal: AbortSignal.timeout(9000) });

  for (const button of ['proof_tables', 'proof_history', 'proof_walk'])
    await bot.click(userId, button, proof.runId);

  await waitUntil(() => bot.slack.whispers.length === 3);
  for (const whisper of bot.slack.whispers)
    expect(JSON.stringify(whisper)).toContain('no role here');
  expect(await bot.deps.incidents.listOpen()).toEqual([]);
});

test('whoever asked cannot approve, and is told who can', async () => {
  await using bot = await startSlackBot();
  const run = await askDangerous(bot);
  const value = `${run.runId} ${run.planHash}`;

  await bot.click('U0ANA', 'approve_run', value);

  await waitUntil(() => bot.slack.whispers.length === 1);
  // ana is no approver at all in this workspace.
  expect(whispered(bot)).toContain('ana is not an approver');
  expect(JSON.stringify(bot.slack.whispers)).toContain('<@U0BEN> or <@U0CLEO>');
  expect((await bot.catalog.runs.find(run.runId))?.state).toBe('waiting');
});

test('an approver who asked cannot approve their own request', async () => {
  await using bot = await startSlackBot();
  await bot.type('U0BEN', 'dangerous');
  await waitUntil(async () => (await bot.catalog.runs.list({ limit: 1 })).length === 1);
  const [run] = await bot.catalog.runs.list({ limit: 1 });

  await bot.click('U0BEN', 'approve_run', `${run?.runId} ${run?.planHash}`);

  await waitUntil(() => bot.slack.whispers.length === 1);
  expect(whispered(bot)).toContain('You asked for it, so somebody else must approve it');
  expect(JSON.stringify(bot.slack.whispers)).toContain('It waits for <@U0CLEO>');
});

test('two clicks at once approve once, and the loser reads who was faster', async () => {
  await using bot = await startSlackBot();
  const run = await askDangerous(bot);
  const value = `${run.runId} ${run.planHash}`;

  await Promise.all([
    bot.click('U0BEN', 'approve_run', value),
    bot.click('U0CLEO', 'approve_run', value),
  ]);

  await waitUntil(() => bot.slack.whispers.length === 1);
  expect(whispered(bot)).toMatch(/Already approved by (ben|cleo) at/);
  const events = await bot.catalog.runs.eventsOf(run.runId);
  expect(events.filter(({ kind }) => kind === 'approved')).toHaveLength(1);
});

test('approving takes the buttons away at once', async () => {
  await using bot = await startSlackBot();
  const run = await askDangerous(bot);
  await bot.catalog.messages.record({ subject: `run:${run.runId}`, channel: 'C0OPS', ts: '1.1' });

  await bot.click('U0BEN', 'approve_run', `${run.runId} ${run.planHash}`);

  await waitUntil(() => bot.slack.of('chat.update').length === 1);
  const update = JSON.stringify(bot.slack.of('chat.update')[0]?.args);
  expect(update).not.toContain('approve_run');
  expect(update).toContain('Approved by <@U0BEN> at');
});

test('a button with another plan approves nothing', async () => {
  await using bot = await startSlackBot();
  const run = await askDangerous(bot);

  await bot.click('U0BEN', 'approve_run', `${run.runId} 0000`);

  await waitUntil(() => bot.slack.whispers.length === 1);
  expect(whispered(bot)).toContain('The plan you saw is not the plan of this run');
});

test('a button that names no run is answered too', async () => {
  await using bot = await startSlackBot();

  await bot.click('U0BEN', 'approve_run', 'rubbish');

  await waitUntil(() => bot.slack.whispers.length === 1);
  expect(whispered(bot)).toContain('it names no run');
});

test('a button of another version is answered, and a known one is answered once', async () => {
  await using bot = await startSlackBot();

  const unknown = await bot.click('U0ANA', 'fail_over_orders', 'x');
  await bot.click('U0BEN', 'approve_run', 'rubbish');

  expect(unknown.status).toBe(200);
  await waitUntil(() => bot.slack.whispers.length === 2);
  expect(whispered(bot)).toContain('of another version and does nothing');
});

test('cancelling works by button and by word', async () => {
  await using bot = await startSlackBot();
  const run = await askDangerous(bot);

  await bot.type('U0ANA', `cancel ${run.runId}`);
  await waitUntil(async () => (await bot.catalog.runs.find(run.runId))?.state === 'cancelled');
  await bot.click('U0ANA', 'cancel_run', run.runId);

  await waitUntil(() => whispered(bot).includes('It was cancelled'));
  expect((await bot.catalog.runs.find(run.runId))?.state).toBe('cancelled');
});

test('an answer goes as an ephemeral message where the response URL has run out', async () => {
  await using bot = await startSlackBot();

  await sendSigned({
    port: bot.app.port,
    fields: {
      command: '/dbdr',
      text: 'look',
      user_id: 'U0ANA',
      channel_id: 'C0OPS',
      trigger_id: 't',
      response_url: 'http://127.0.0.1:9/gone',
    },
  });

  await waitUntil(() => bot.slack.of('chat.postEphemeral').length === 1);
  expect(bot.slack.of('chat.postEphemeral')[0]?.args).toMatchObject({ user: 'U0ANA' });
});

test('a plan that is only looked at writes nothing', async () => {
  await using bot = await startSlackBot();

  await bot.type('U0ANA', 'dangerous --plan');

  await waitUntil(() => bot.slack.whispers.length === 1);
  expect(whispered(bot)).toContain('Plan: Do dangerous on shop');
  expect(await bot.catalog.runs.list({ limit: 9 })).toEqual([]);
});

test('where Slack does not say who somebody is, nothing is decided', async () => {
  await using bot = await startSlackBot();
  const run = await askDangerous(bot);
  bot.slack.arrange('users.info', { error: 'internal_error' });

  await bot.click('U0BEN', 'approve_run', `${run.runId} ${run.planHash}`);

  await waitUntil(() => bot.slack.whispers.length === 1);
  expect(whispered(bot)).toContain('Slack does not say who you are');
  expect((await bot.catalog.runs.find(run.runId))?.state).toBe('waiting');
});
