/** The forms over real HTTP: opened by a command, errors beside fields, an update read before it is posted. */
import { expect, test } from 'vitest';
import { z } from 'zod';

import { type SlackBot, startSlackBot } from '../support/slack-bot.ts';
import { waitUntil } from '../support/wait-until.ts';

const Answer = z.looseObject({
  response_action: z.string(),
  errors: z.record(z.string(), z.string()).optional(),
  view: z.looseObject({ private_metadata: z.string().optional() }).optional(),
});

function field(value: object): object {
  return { value };
}

const INCIDENT = {
  scenario: field({ selected_option: { value: 'change' } }),
  server: field({ selected_option: { value: 'shop' } }),
  tables: field({ value: 'orders' }),
};

const UPDATE = {
  incident: field({ selected_option: { value: 'inc-1122-shop' } }),
  what: field({ value: 'Shipping addresses are missing.' }),
  impact: field({ value: 'Labels cannot be printed.' }),
  doing: field({ value: 'They are being brought back.' }),
  next: field({ selected_option: { value: '20' } }),
};

async function openIncident(bot: SlackBot): Promise<void> {
  await bot.submit('U0ANA', { callback_id: 'incident_form', state: { values: INCIDENT } });
  await waitUntil(() => bot.slack.of('chat.postEphemeral').length === 1);
}

test('/dbdr incident opens its form with the trigger it was given', async () => {
  await using bot = await startSlackBot();

  await bot.type('U0ANA', 'incident', 'trigger-7');

  await waitUntil(() => bot.slack.of('views.open').length === 1);
  const call = bot.slack.of('views.open')[0]?.args ?? {};
  expect(call['trigger_id']).toBe('trigger-7');
  expect(JSON.stringify(call['view'])).toContain('What happened?');
  expect(JSON.stringify(call['view'])).toContain(
    'shop: from 2026-11-08 02:11:04 UTC to 2026-11-22',
  );
});

test('a form with mistakes stays open with each error beside its field', async () => {
  await using bot = await startSlackBot();

  const answer = await bot.submit('U0ANA', {
    callback_id: 'incident_form',
    state: { values: { ...INCIDENT, tables: field({ value: 'or"ders' }) } },
  });

  const said = Answer.parse(await answer.json());
  expect(said.response_action).toBe('errors');
  expect(Object.keys(said.errors ?? {})).toEqual(['tables']);
  expect(bot.slack.of('chat.postMessage')).toEqual([]);
});

test('an opened incident has its living message in the operations channel', async () => {
  await using bot = await startSlackBot();

  await openIncident(bot);

  const posts = bot.slack.of('chat.postMessage').map(({ args }) => args);
  expect(posts).toHaveLength(1);
  expect(posts[0]).toMatchObject({ channel: 'C0OPS' });
  expect(JSON.stringify(posts[0])).toContain('Step 2: Restore to before it');
});

test('a step button is answered and the incident shown again', async () => {
  await using bot = await startSlackBot();
  await openIncident(bot);

  await bot.click('U0ANA', 'incident_step_do', 'inc-1122-shop restore');

  await waitUntil(() => bot.slack.whispers.length === 1);
  expect(bot.slack.whispers[0]?.['text']).toContain('Step "restore" is under way');
});

test('an update is previewed first, and only then posted to the stakeholders, once', async () => {
  await using bot = await startSlackBot();
  await openIncident(bot);

  const answer = await bot.submit('U0ANA', {
    callback_id: 'update_form',
    state: { values: UPDATE },
  });
  const preview = Answer.parse(await answer.json());
  expect(preview.response_action).toBe('update');
  expect(bot.slack.of('chat.postMessage')).toHaveLength(1);
  const confirm = {
    callback_id: 'update_preview',
    private_metadata: preview.view?.private_metadata ?? '',
    state: { values: {} },
  };
  await Promise.all([bot.submit('U0ANA', confirm), bot.submit('U0ANA', confirm)]);

  await waitUntil(() => bot.slack.of('chat.postEphemeral').length === 3);
  const news = bot.slack
    .of('chat.postMessage')
    .filter(({ args }) => args['channel'] === 'C0NEWS')
    .map(({ args }) => String(args['text']));
  expect(news).toHaveLength(1);
  expect(news[0]).toContain('Shipping addresses are missing.');
  expect(bot.updatesPosted).toHaveLength(1);
});

test('an outsider cannot post to the stakeholders', async () => {
  await using bot = await startSlackBot();
  const words = {
    incidentId: 'i',
    what: 'w',
    impact: 'i',
    doing: 'd',
    nextInMinutes: 20,
    channel: 'C0OPS',
  };

  await bot.submit('U0OTTO', {
    callback_id: 'update_preview',
    private_metadata: JSON.stringify(words),
    state: { values: {} },
  });

  await waitUntil(() => bot.slack.of('chat.postEphemeral').length === 1);
  expect(bot.slack.of('chat.postMessage')).toEqual([]);
  expect(bot.slack.of('chat.postEphemeral')[0]?.args['text']).toContain('not an operator');
});

test('without an open incident there is nothing to update about, and it says so', async () => {
  await using bot = await startSlackBot();

  await bot.type('U0ANA', 'update');

  await waitUntil(() => bot.slack.whispers.length === 1);
  expect(bot.slack.whispers[0]?.['text']).toContain('no open incident');
});
