/** What a person does reaches the app signed and in Slack's shape; what the app answers is done. */
import { describe, expect, test } from 'vitest';

import { textAt } from '../../src/workspace/shared/json.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { postApproval, startWorkspaceBot, type WorkspaceBot } from '../support/workspace-bot.ts';
import { incidentForm } from '../support/workspace-forms.ts';

describe('a slash command', () => {
  test('reaches the app signed, with who, where and what', async () => {
    await using bot = await startWorkspaceBot();

    await bot.workspace.as('U0ANA').command('/dbdr restore shop  --to 14:46', 'ops');

    expect(bot.requests).toMatchObject([
      {
        type: 'command',
        isSigned: true,
        payload: {
          command: '/dbdr',
          text: 'restore shop  --to 14:46',
          user_id: 'U0ANA',
          channel_id: 'C0OPS',
          channel_name: 'ops',
        },
      },
    ]);
  });

  test('is answered to its asker alone, unless the app says otherwise', async () => {
    await using bot = await startWorkspaceBot();
    bot.answer(({ payload }) =>
      payload['text'] === 'loud'
        ? { response_type: 'in_channel', text: 'for all' }
        : { text: 'for you' },
    );

    await bot.workspace.as('U0ANA').command('/dbdr quiet', 'ops');
    await bot.workspace.as('U0ANA').command('/dbdr loud', 'ops');

    expect(bot.workspace.ephemerals('U0ANA')).toMatchObject([{ text: 'for you' }]);
    expect(bot.workspace.ephemerals('U0BEN')).toEqual([]);
    expect(bot.workspace.messages('ops').map(({ text }) => text)).toEqual([
      '/dbdr loud',
      'for all',
    ]);
  });

  test('fails in Slack’s words when the app does not answer within three seconds', async () => {
    const clock = fakeClock();
    await using bot = await startWorkspaceBot({ clock });
    bot.answer(() => 'silence');

    const typed = bot.workspace.as('U0ANA').command('/dbdr status', 'ops');
    await clock.untilAsleep(1);
    await clock.advance(3000);
    await typed;

    expect(bot.workspace.ephemerals('U0ANA')).toMatchObject([
      { text: '/dbdr failed with the error "operation_timeout"' },
    ]);
  });

  test('fails in Slack’s words when nobody listens', async () => {
    await using bot = await startWorkspaceBot();
    bot.workspace.pointAt('http://127.0.0.1:9/slack/events');

    await bot.workspace.as('U0ANA').command('/dbdr status', 'ops');

    expect(bot.workspace.ephemerals('U0ANA')).toMatchObject([
      { text: '/dbdr failed with the error "dispatch_failed"' },
    ]);
  });

  test('that nobody knows, or in a thread, does not reach the app', async () => {
    await using bot = await startWorkspaceBot();
    const ts = await postApproval(bot);

    await bot.workspace.as('U0ANA').command('/nothing', 'ops');
    await bot.workspace.as('U0ANA').say('/dbdr status', 'ops', ts);

    expect(bot.requests).toEqual([]);
    expect(bot.workspace.ephemerals('U0ANA').map(({ text }) => text)).toEqual([
      '/nothing is not a valid command.',
      '/dbdr is not supported in threads. Sorry!',
    ]);
  });
});

describe('a trigger id', () => {
  test('has expired when the app is slow, and is exchanged when it comes twice', async () => {
    const clock = fakeClock();
    await using bot = await startWorkspaceBot({ clock });
    const ana = bot.workspace.as('U0ANA');
    await ana.command('/dbdr incident', 'ops');
    await ana.command('/dbdr incident', 'ops');
    const [first, second] = bot.requests.map(({ payload }) => payload['trigger_id']);

    await bot.call('views.open', { trigger_id: first, view: incidentForm() });
    const again = await bot.call('views.open', { trigger_id: first, view: incidentForm() });
    await clock.advance(3001);
    const late = await bot.call('views.open', { trigger_id: second, view: incidentForm() });

    expect(again).toMatchObject({ error: 'exchanged_trigger_id' });
    expect(late).toMatchObject({ error: 'expired_trigger_id' });
  });
});

describe('a click', () => {
  test('brings the message, its place and the button’s value', async () => {
    await using bot = await startWorkspaceBot();
    const ts = await postApproval(bot);

    await bot.workspace.as('U0BEN').click(ts, 'Approve restore of shop');

    expect(bot.requests[0]).toMatchObject({
      type: 'block_actions',
      isSigned: true,
      payload: {
        user: { id: 'U0BEN', team_id: 'T0HOME' },
        container: { type: 'message', message_ts: ts, channel_id: 'C0OPS', is_ephemeral: false },
        message: { ts, text: 'Needs approval' },
        actions: [{ type: 'button', action_id: 'approve_run', value: 'r-1 7f3a' }],
      },
    });
  });

  test('on what is not there is refused before it reaches the app', async () => {
    await using bot = await startWorkspaceBot();
    const ts = await postApproval(bot);

    await expect(bot.workspace.as('U0BEN').click(ts, 'Launch')).rejects.toMatchObject({
      kind: { code: 'WORKSPACE_NOTHING_THERE' },
      facts: { buttons: 'Approve restore of shop, Refuse' },
    });
    expect(bot.requests).toEqual([]);
  });

  test('tells the person when the app is gone', async () => {
    await using bot = await startWorkspaceBot();
    const ts = await postApproval(bot);
    bot.workspace.pointAt('http://127.0.0.1:9/slack/events');

    expect(await bot.workspace.as('U0BEN').click(ts, 'refuse_run')).toMatchObject({
      outcome: 'failed',
      reason: 'dbdr cannot be reached. Is it running? Try again.',
    });
  });
});

describe('a response URL', () => {
  test('whispers, speaks up, replaces and deletes', async () => {
    await using bot = await startWorkspaceBot();
    const url = await clickAndTakeUrl(bot);

    await respond(url, { text: 'only you' });
    await respond(url, { text: 'all of you', response_type: 'in_channel' });
    await respond(url, { text: 'decided', replace_original: true });

    expect(bot.workspace.ephemerals('U0BEN')).toMatchObject([{ text: 'only you' }]);
    expect(bot.workspace.messages('ops')).toMatchObject([
      { text: 'decided', blocks: [] },
      { text: 'all of you' },
    ]);
    await respond(url, { delete_original: true });
    expect(bot.workspace.messages('ops')).toMatchObject([{ text: 'all of you' }]);
  });

  test('works five times', async () => {
    await using bot = await startWorkspaceBot();
    const url = await clickAndTakeUrl(bot);

    const statuses: number[] = [];
    for (let n = 0; n < 6; n += 1) statuses.push((await respond(url, { text: `${n}` })).status);

    expect(statuses).toEqual([200, 200, 200, 200, 200, 404]);
  });

  test('refuses what a message would be refused for', async () => {
    await using bot = await startWorkspaceBot();
    const url = await clickAndTakeUrl(bot);

    const answer = await respond(url, { text: 'x', blocks: [{ type: 'bogus' }] });

    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: 'invalid_blocks' });
  });
});

async function clickAndTakeUrl(bot: WorkspaceBot): Promise<string> {
  const ts = await postApproval(bot);
  await bot.workspace.as('U0BEN').click(ts, 'refuse_run');
  return textAt(bot.requests.at(-1)?.payload, 'response_url');
}

async function respond(url: string, body: object): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}
