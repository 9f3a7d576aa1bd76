/** Forms over real HTTP: what Slack checks itself, and what it does with the app's answer. */
import { describe, expect, test } from 'vitest';

import { recordAt, valueAt } from '../../src/workspace/shared/json.ts';
import { openingForms, startWorkspaceBot } from '../support/workspace-bot.ts';
import { incidentForm, plain, section } from '../support/workspace-forms.ts';

describe('a form', () => {
  test('is held back by Slack itself while a required field is empty', async () => {
    await using bot = await startWorkspaceBot();
    openingForms(bot);
    const ana = bot.workspace.as('U0ANA');
    await ana.command('/dbdr incident', 'ops');
    const [view] = bot.workspace.openViews('U0ANA');

    const outcome = await ana.submit(view?.id ?? '', { tables: 'orders' });

    expect(outcome).toEqual({
      outcome: 'errors',
      errors: { scenario: 'Please complete this required field.' },
    });
    expect(bot.requests.map(({ type }) => type)).toEqual(['command']);
  });

  test('is sent with every field by block and action, and closes', async () => {
    await using bot = await startWorkspaceBot();
    openingForms(bot);
    const ana = bot.workspace.as('U0ANA');
    await ana.command('/dbdr incident', 'ops');
    const view = await bot.workspace.waitForView('U0ANA', () => true, {
      signal: AbortSignal.timeout(5000),
    });

    await ana.submit(view.id, {
      'What happened?': 'A migration or deploy did damage',
      tables: 'orders',
    });

    const payload = recordAt(bot.requests.at(-1)?.payload, 'view');
    expect(valueAt(payload, 'state')).toMatchObject({
      values: {
        scenario: { value: { selected_option: { value: 'change' } } },
        server: { value: { selected_option: { value: 'shop' } } },
        at: { value: { selected_date_time: 1_795_531_351 } },
        tables: { value: { value: 'orders' } },
      },
    });
    expect(bot.workspace.openViews('U0ANA')).toEqual([]);
  });

  test('shows errors, changes and grows as the app answers, three deep at most', async () => {
    await using bot = await startWorkspaceBot();
    openingForms(bot);
    const ana = bot.workspace.as('U0ANA');
    await ana.command('/dbdr incident', 'ops');
    const note = {
      type: 'modal',
      title: plain('Preview'),
      submit: plain('Post it'),
      blocks: [section('This will be posted')],
    };
    const answers = [
      { response_action: 'errors', errors: { tables: 'There is no table "orderz"' } },
      { response_action: 'update', view: note },
      { response_action: 'push', view: note },
      { response_action: 'push', view: note },
      { response_action: 'push', view: note },
      { response_action: 'clear' },
    ];
    bot.answer(() => answers.shift());

    const outcomes: string[] = [];
    const depths: number[] = [];
    while (answers.length > 0) {
      const top = bot.workspace.openViews('U0ANA').at(-1);
      const outcome = await ana.submit(
        top?.id ?? '',
        outcomes.length < 2 ? { scenario: 'gone' } : {},
      );
      outcomes.push(outcome.outcome);
      depths.push(bot.workspace.openViews('U0ANA').length);
    }

    expect(outcomes).toEqual(['errors', 'done', 'done', 'done', 'failed', 'done']);
    expect(depths).toEqual([1, 1, 2, 3, 3, 0]);
  });

  test('tells of an error for a field that is not there, as Slack would only hint at', async () => {
    await using bot = await startWorkspaceBot();
    openingForms(bot);
    const ana = bot.workspace.as('U0ANA');
    await ana.command('/dbdr incident', 'ops');
    bot.answer(() => ({ response_action: 'errors', errors: { nowhere: 'x' } }));

    const [view] = bot.workspace.openViews('U0ANA');
    const outcome = await ana.submit(view?.id ?? '', { scenario: 'gone' });

    expect(outcome.outcome === 'failed' ? outcome.reason : '').toContain('(nowhere)');
  });

  test('tells the app when it is closed and asked to be told', async () => {
    await using bot = await startWorkspaceBot();
    openingForms(bot);
    const ana = bot.workspace.as('U0ANA');
    await ana.command('/dbdr incident', 'ops');

    await ana.close(bot.workspace.openViews('U0ANA')[0]?.id ?? '');

    expect(bot.requests.at(-1)).toMatchObject({ type: 'view_closed' });
    expect(bot.workspace.openViews('U0ANA')).toEqual([]);
  });

  test('is not changed by an app that saw an older state of it', async () => {
    await using bot = await startWorkspaceBot();
    openingForms(bot);
    await bot.workspace.as('U0ANA').command('/dbdr incident', 'ops');
    const [view] = bot.workspace.openViews('U0ANA');
    const change = { view_id: view?.id, view: incidentForm() };

    const changed = await bot.call('views.update', { ...change, hash: view?.hash });
    const stale = await bot.call('views.update', { ...change, hash: view?.hash });

    expect(changed['ok']).toBe(true);
    expect(stale).toMatchObject({ error: 'hash_conflict' });
  });
});

describe('waiting', () => {
  test('ends with what was said instead', async () => {
    await using bot = await startWorkspaceBot();
    await bot.workspace.as('U0ANA').say('something else', 'ops');
    const stop = new AbortController();

    const waiting = bot.workspace.waitForMessage('ops', () => false, {
      signal: stop.signal,
      what: 'the backup',
    });
    stop.abort(new Error('The test is over'));

    await expect(waiting).rejects.toMatchObject({
      kind: { code: 'WORKSPACE_WAIT_ENDED' },
      message: 'Cannot see the backup in "ops": the time is up after "something else"',
      facts: { seen: 'something else' },
    });
  });

  test('ends as soon as a message is edited into what is waited for', async () => {
    await using bot = await startWorkspaceBot();
    const posted = await bot.call('chat.postMessage', { channel: 'C0OPS', text: 'Running' });

    const waiting = bot.workspace.waitForMessage('ops', ({ text }) => text === 'Done', {
      signal: AbortSignal.timeout(5000),
    });
    await bot.call('chat.update', { channel: 'C0OPS', ts: posted['ts'], text: 'Done' });

    expect((await waiting).ts).toBe(posted['ts']);
  });
});
