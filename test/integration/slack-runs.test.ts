/** A run from the command to its end, as the channel sees it: app, gate, runner and follower together. */
import { expect, onTestFinished, test } from 'vitest';

import type { RunRecord } from '../../src/catalog/runs.ts';
import { runnerService } from '../../src/gate/runner.ts';
import type { Service } from '../../src/kernel/service.ts';
import { type SlackBot, startSlackBot } from '../support/slack-bot.ts';
import { waitUntil } from '../support/wait-until.ts';

function keepRunning(service: Service): void {
  const stop = new AbortController();
  const running = service.run({ signal: stop.signal, ready: () => undefined });
  running.catch(() => undefined);
  onTestFinished(async () => {
    stop.abort();
    await running.catch(() => undefined);
  });
}

function startServices(bot: SlackBot): void {
  for (const service of bot.app.services) keepRunning(service);
  const { clock, log } = bot.deps;
  keepRunning(runnerService({ gate: bot.gate, runs: bot.catalog.runs, clock, log }));
}

async function runOf(bot: SlackBot, operation: string): Promise<RunRecord> {
  const runs = await bot.catalog.runs.list({ limit: 9 });
  const run = runs.find((each) => each.operation === operation);
  if (run === undefined) throw new Error(`No run of ${operation}`);
  return run;
}

function newest(bot: SlackBot): string {
  return JSON.stringify(bot.slack.of('chat.update').at(-1)?.args ?? {});
}

function threadOf(bot: SlackBot): readonly string[] {
  return bot.slack
    .of('chat.postMessage')
    .filter(({ args }) => args['thread_ts'] !== undefined)
    .map(({ args }) => String(args['text']));
}

test('a pair has one message: the first runs at once, the second after its approval', async () => {
  await using bot = await startSlackBot();
  startServices(bot);

  await bot.type('U0ANA', 'pair');
  await waitUntil(async () => (await bot.catalog.runs.list({ limit: 9 })).length === 2);
  await waitUntil(async () => (await runOf(bot, 'pair')).state === 'done');
  const waiting = await runOf(bot, 'dangerous');
  expect(waiting.state).toBe('waiting');
  await bot.click('U0BEN', 'approve_run', `${waiting.runId} ${waiting.planHash}`);
  await waitUntil(async () => (await runOf(bot, 'dangerous')).state === 'done');
  await waitUntil(() => newest(bot).includes('*Do dangerous on shop*\\nDone'));

  const tops = bot.slack
    .of('chat.postMessage')
    .filter(({ args }) => args['thread_ts'] === undefined);
  expect(tops).toHaveLength(1);
  expect(newest(bot)).toContain('Approved by <@U0BEN> at');
  expect(newest(bot)).not.toContain('approve_run');
  await waitUntil(() => threadOf(bot).includes('Do dangerous on shop: done'));
  expect(threadOf(bot)).toContain('Do pair on shop: done');
  expect(threadOf(bot)).toContain('Approved by @ben');
});

test('what Slack asks to wait for is waited for, and the last state arrives', async () => {
  await using bot = await startSlackBot();
  bot.slack.arrange('chat.postMessage', { retryAfterSeconds: 1 });
  startServices(bot);
  const began = performance.now();

  await bot.type('U0ANA', 'harmless');

  await waitUntil(
    () =>
      bot.slack.of('chat.update').length > 0 ||
      JSON.stringify(bot.slack.of('chat.postMessage')).includes('Done'),
  );
  expect(performance.now() - began).toBeGreaterThanOrEqual(1000);
});

test('a message that Slack closed to edits gets a successor', async () => {
  await using bot = await startSlackBot();
  bot.slack.arrange('chat.update', { error: 'edit_window_closed' });
  startServices(bot);

  await bot.type('U0ANA', 'pair');
  await waitUntil(async () => (await bot.catalog.runs.list({ limit: 9 })).length === 2);
  const waiting = await runOf(bot, 'dangerous');
  await bot.click('U0BEN', 'refuse_run', `${waiting.runId} ${waiting.planHash}`);

  await waitUntil(() => JSON.stringify(bot.slack.calls).includes('Refused by <@U0BEN>'));
  expect((await runOf(bot, 'dangerous')).state).toBe('refused');
});
