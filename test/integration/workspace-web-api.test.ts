/** The workspace's Web API over real HTTP: what Slack refuses is refused with Slack's words. */
import { WebClient } from '@slack/web-api';
import { describe, expect, test } from 'vitest';

import { textAt } from '../../src/workspace/shared/json.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { PEOPLE, startWorkspaceBot, TOKEN } from '../support/workspace-bot.ts';
import { approvalBlocks, incidentForm, section } from '../support/workspace-forms.ts';

describe('the Web API', () => {
  test('knows its one token', async () => {
    await using bot = await startWorkspaceBot();

    expect(await bot.call('auth.test', {})).toMatchObject({ ok: true, user_id: 'U0DBDR' });
    expect(await bot.call('auth.test', {}, 'xoxb-nope')).toEqual({
      ok: false,
      error: 'invalid_auth',
    });
    expect(await bot.call('auth.test', {}, '')).toMatchObject({ error: 'not_authed' });
    expect(await bot.call('api.test', {}, '')).toMatchObject({ ok: true });
    expect(await bot.call('no.such', {})).toMatchObject({ error: 'unknown_method' });
  });

  test('serves Slack’s own client, which sends forms with JSON in fields', async () => {
    await using bot = await startWorkspaceBot();
    const client = new WebClient(TOKEN, { slackApiUrl: bot.workspace.apiUrl });

    const posted = await client.apiCall('chat.postMessage', {
      channel: 'C0OPS',
      text: 'Needs approval',
      blocks: approvalBlocks(),
    });
    const members = await client.usergroups.users.list({ usergroup: 'S0APPROVE' });

    expect(posted.ok).toBe(true);
    expect(members.users).toEqual(['U0BEN']);
    expect(bot.workspace.messages('ops')[0]?.blocks[0]?.['block_id']).toEqual(expect.any(String));
  });

  test('refuses blocks with the reason and the place', async () => {
    await using bot = await startWorkspaceBot();

    const answer = await bot.call('chat.postMessage', {
      channel: 'C0OPS',
      text: 'x',
      blocks: [{ type: 'bogus' }],
    });

    const messages = ['[ERROR] unsupported type: bogus [json-pointer:/blocks/0/type]'];
    expect(answer).toMatchObject({
      ok: false,
      error: 'invalid_blocks',
      response_metadata: { messages },
    });
    expect(bot.workspace.messages('ops')).toEqual([]);
  });

  test('posts 40,000 characters but edits only 4,000', async () => {
    await using bot = await startWorkspaceBot();
    const text = 'x'.repeat(4001);

    const posted = await bot.call('chat.postMessage', { channel: 'C0OPS', text });
    const place = { channel: 'C0OPS', ts: posted['ts'] };

    expect(posted['ok']).toBe(true);
    expect(await bot.call('chat.update', { ...place, text })).toMatchObject({
      error: 'msg_too_long',
    });
    expect(await bot.call('chat.update', { ...place, text: text.slice(1) })).toMatchObject({
      ok: true,
    });
    expect(bot.workspace.messages('ops')[0]?.editedTs).toBeDefined();
  });

  test.each([
    ['chat.postMessage', { channel: 'C0NONE', text: 'x' }, 'channel_not_found'],
    ['chat.postMessage', { channel: 'C0CLOSED', text: 'x' }, 'not_in_channel'],
    ['chat.postMessage', { channel: 'C0OPS' }, 'no_text'],
    ['chat.postMessage', { channel: 'C0OPS', text: 'x', thread_ts: '1.1' }, 'thread_not_found'],
    ['chat.update', { channel: 'C0OPS', ts: '1.1', text: 'x' }, 'message_not_found'],
    ['chat.postEphemeral', { channel: 'C0OPS', user: 'U0NO', text: 'x' }, 'user_not_found'],
    ['users.info', { user: 'U0NO' }, 'user_not_found'],
    ['usergroups.users.list', { usergroup: 'S0NO' }, 'no_such_subteam'],
    ['pins.add', { channel: 'C0OPS', timestamp: '1.1' }, 'message_not_found'],
    ['conversations.create', { name: 'Not A Name' }, 'invalid_name_specials'],
    ['conversations.create', { name: 'ops' }, 'name_taken'],
    ['views.update', { view_id: 'V1', view: incidentForm() }, 'not_found'],
    ['views.open', { trigger_id: 'none', view: incidentForm() }, 'invalid_trigger_id'],
  ])('answers %s with %j as Slack does: %s', async (method, args, error) => {
    await using bot = await startWorkspaceBot();

    expect(await bot.call(method, args)).toMatchObject({ ok: false, error });
  });

  test('edits only the app’s own messages, and no ephemeral ones', async () => {
    await using bot = await startWorkspaceBot();
    await bot.workspace.as('U0ANA').say('mine', 'ops');
    const [mine] = bot.workspace.messages('ops');
    const whispered = await bot.call('chat.postEphemeral', {
      channel: 'C0OPS',
      user: 'U0ANA',
      text: 'psst',
    });

    const change = { channel: 'C0OPS', text: 'x' };
    expect(await bot.call('chat.update', { ...change, ts: mine?.ts })).toMatchObject({
      error: 'cant_update_message',
    });
    expect(await bot.call('chat.update', { ...change, ts: whispered['message_ts'] })).toMatchObject(
      { error: 'message_not_found' },
    );
  });

  test('says that user groups need a paid plan when they do', async () => {
    await using bot = await startWorkspaceBot({ userGroupsNeedUpgrade: true });

    expect(await bot.call('usergroups.list', {})).toMatchObject({
      error: 'plan_upgrade_required',
    });
  });

  test('tells guests and the deactivated from members', async () => {
    await using bot = await startWorkspaceBot({
      people: [...PEOPLE, { ...PEOPLE[0], id: 'U0GUEST', name: 'guest', isGuest: true }],
    });

    expect(await bot.call('users.info', { user: 'U0GUEST' })).toMatchObject({
      user: { is_restricted: true, deleted: false, tz: 'Europe/Berlin' },
    });
  });

  test('opens an incident channel: creates, invites, sets the topic, posts, pins', async () => {
    await using bot = await startWorkspaceBot();

    const made = await bot.call('conversations.create', { name: 'inc-1122-shop' });
    const channel = textAt(made['channel'], 'id');
    await bot.call('conversations.invite', { channel, users: 'U0ANA,U0BEN' });
    await bot.call('conversations.setTopic', { channel, topic: 'Addresses are missing' });
    const posted = await bot.call('chat.postMessage', { channel, text: 'Incident' });
    const pinned = await bot.call('pins.add', { channel, timestamp: posted['ts'] });

    expect(pinned).toEqual({ ok: true });
    expect(await bot.call('conversations.info', { channel })).toMatchObject({
      channel: { topic: { value: 'Addresses are missing' }, num_members: 3 },
    });
    expect(await bot.workspace.as('U0ANA').say('here', channel)).toEqual({ outcome: 'done' });
    expect(await bot.workspace.as('U0OTTO').say('me too', channel)).toMatchObject({
      outcome: 'failed',
    });
  });

  test('posts to a person as a direct message', async () => {
    await using bot = await startWorkspaceBot();

    const posted = await bot.call('chat.postMessage', { channel: 'U0ANA', text: 'Only for you' });

    expect(String(posted['channel'])).toMatch(/^D/);
    expect(bot.workspace.messages(String(posted['channel']))).toMatchObject([
      { text: 'Only for you' },
    ]);
  });

  test('answers 429 with Retry-After when rate limits are switched on', async () => {
    await using bot = await startWorkspaceBot({ rateLimits: true, clock: fakeClock() });

    const statuses: (number | string)[] = [];
    for (let n = 0; n < 6; n += 1) {
      const response = await fetch(`${bot.workspace.apiUrl}chat.postMessage`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify({ channel: 'C0OPS', text: `${n}` }),
      });
      statuses.push(response.headers.get('retry-after') ?? response.status);
    }

    expect(statuses).toEqual([200, 200, 200, 200, 200, '1']);
  });

  test('answers nobody who names another host', async () => {
    await using bot = await startWorkspaceBot();
    const { port } = new URL(bot.workspace.url);
    const { request } = await import('node:http');

    const status = await new Promise((resolve) => {
      request({ host: '127.0.0.1', port, headers: { host: 'evil.example' } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).end();
    });

    expect(status).toBe(421);
  });
});

describe('threads', () => {
  test('keep answers out of the channel’s history', async () => {
    await using bot = await startWorkspaceBot();
    const parent = await bot.call('chat.postMessage', { channel: 'C0OPS', text: 'run' });

    await bot.call('chat.postMessage', {
      channel: 'C0OPS',
      text: 'detail',
      thread_ts: parent['ts'],
      blocks: [section('detail')],
    });

    expect(bot.workspace.thread('ops', String(parent['ts']))).toMatchObject([{ text: 'detail' }]);
    const history = await bot.call('conversations.history', { channel: 'C0OPS' });
    expect(history['messages']).toHaveLength(1);
  });
});
