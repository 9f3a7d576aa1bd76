/** A person at the page in a real browser, with a tiny app behind it. */
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { textAt, valueAt } from '../../src/workspace/shared/json.ts';
import { startBrowser, type TestBrowser } from '../support/browser.ts';
import {
  openingForms,
  postApproval,
  startWorkspaceBot,
  type WorkspaceBot,
} from '../support/workspace-bot.ts';
import { section } from '../support/workspace-forms.ts';

let browser: TestBrowser;

beforeAll(async () => {
  browser = await startBrowser();
});

afterEach(async () => {
  await browser.closePages();
});

afterAll(async () => {
  await browser[Symbol.asyncDispose]();
});

async function openAs(bot: WorkspaceBot, person: string): Promise<Page> {
  const page = await browser.open(`${bot.workspace.url}/?as=${person}`);
  await page.getByRole('radio', { checked: true }).waitFor();
  return page;
}

async function type(page: Page, text: string): Promise<void> {
  await page.getByRole('combobox', { name: 'Message #ops' }).fill(text);
  await page.keyboard.press('Enter');
}

function waitsFor(bot: WorkspaceBot, answer: object): void {
  bot.answer(async ({ type: kind, payload }) => {
    if (kind === 'block_actions')
      await fetch(textAt(payload, 'response_url'), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(answer),
      });
    return '';
  });
}

test('a command is answered with a form; a mistake is shown beside its field; then it is sent', async () => {
  await using bot = await startWorkspaceBot();
  openingForms(bot);
  const page = await openAs(bot, 'U0ANA');

  await type(page, '/dbdr incident');
  const form = page.getByRole('dialog', { name: 'Something is wrong' });
  await form.getByRole('button', { name: 'Open incident' }).click();
  await form.getByText('Please complete this required field.').waitFor();
  bot.answer(() => ({ response_action: 'errors', errors: { tables: 'There is no such table' } }));
  await form.getByLabel('A migration or deploy did damage').check();
  await form.getByLabel('Which tables, if you know?').fill('orderz');
  await form.getByRole('button', { name: 'Open incident' }).click();
  await form.getByText('There is no such table').waitFor();
  const field = form.getByLabel('Which tables, if you know?');
  expect(await field.getAttribute('aria-invalid')).toBe('true');
  expect(await field.inputValue()).toBe('orderz');
  bot.answer(() => '');
  await field.fill('orders');
  await form.getByRole('button', { name: 'Open incident' }).click();
  await form.waitFor({ state: 'detached' });

  const view = valueAt(bot.requests.at(-1)?.payload, 'view');
  expect(valueAt(view, 'state')).toMatchObject({
    values: {
      scenario: { value: { selected_option: { value: 'change' } } },
      at: { value: { selected_date_time: 1_795_531_351 } },
      tables: { value: { value: 'orders' } },
    },
  });
});

test('a button asks first, and counts only when the question is confirmed', async () => {
  await using bot = await startWorkspaceBot();
  await postApproval(bot);
  waitsFor(bot, { text: 'Somebody else must approve' });
  const page = await openAs(bot, 'U0ANA');
  const approve = page.getByRole('button', { name: 'Approve restore of shop' });

  await approve.click();
  const question = page.getByRole('alertdialog');
  await question.getByText('This has an effect on production.').waitFor();
  await question.getByRole('button', { name: 'Not now' }).click();
  await question.waitFor({ state: 'detached' });
  expect(bot.requests).toEqual([]);
  await approve.click();
  await question.getByRole('button', { name: 'Approve', exact: true }).click();
  await page.getByText('Somebody else must approve').waitFor();

  expect(bot.requests).toMatchObject([{ type: 'block_actions', isSigned: true }]);
});

test('what one person alone may see is in no other person’s page', async () => {
  await using bot = await startWorkspaceBot();
  await postApproval(bot);
  waitsFor(bot, { text: 'A word for Ana' });
  const [ana, otto] = [await openAs(bot, 'U0ANA'), await openAs(bot, 'U0OTTO')];

  await ana.getByRole('button', { name: 'Refuse' }).click();
  await ana.getByText('A word for Ana').waitFor();
  await bot.call('chat.postMessage', { channel: 'C0OPS', text: 'A word for all' });
  await otto.getByText('A word for all').waitFor();

  expect(await ana.getByText('Only visible to you').count()).toBe(1);
  expect(await otto.getByText('A word for Ana').count()).toBe(0);
  await ana.getByRole('button', { name: 'Dismiss' }).click();
  await ana.getByText('A word for Ana').waitFor({ state: 'detached' });
});

test('a thread opens at the right, follows what is added, and takes an answer', async () => {
  await using bot = await startWorkspaceBot();
  const ts = await postApproval(bot);
  await bot.call('chat.postMessage', { channel: 'C0OPS', thread_ts: ts, text: 'First detail' });
  const page = await openAs(bot, 'U0BEN');

  await page.getByRole('button', { name: /1 reply/ }).click();
  const thread = page.getByRole('complementary', { name: 'Thread' });
  await thread.getByText('First detail').waitFor();
  await bot.call('chat.postMessage', { channel: 'C0OPS', thread_ts: ts, text: 'Second detail' });
  await thread.getByText('Second detail').waitFor();
  await thread.getByRole('combobox', { name: 'Reply in thread' }).fill('Thank you');
  await page.keyboard.press('Enter');
  await thread.getByText('Thank you').waitFor();

  expect(bot.workspace.thread('ops', ts).map(({ author }) => author)).toEqual([
    'U0DBDR',
    'U0DBDR',
    'U0BEN',
  ]);
});

test('an edit replaces the words in place and says so; what is unread has a dot', async () => {
  await using bot = await startWorkspaceBot();
  const posted = await bot.call('chat.postMessage', { channel: 'C0OPS', text: 'Running' });
  const page = await openAs(bot, 'U0ANA');

  await bot.call('chat.update', {
    channel: 'C0OPS',
    ts: posted['ts'],
    text: 'Done',
    blocks: [section('*Done* in <!date^1795531351^{time}|then>')],
  });
  await page.getByText('(edited)').waitFor();
  await bot.call('chat.postMessage', { channel: 'C0NEWS', text: 'Update 1' });
  await page.getByRole('button', { name: 'stakeholders unread' }).click();
  await page.getByText('Update 1').waitFor();

  expect(await page.getByRole('img', { name: 'unread' }).count()).toBe(0);
});

test('who reads further up stays there, and is told of what is new below', async () => {
  await using bot = await startWorkspaceBot();
  for (let n = 0; n < 40; n += 1)
    await bot.call('chat.postMessage', { channel: 'C0OPS', text: `Line ${n}` });
  const page = await openAs(bot, 'U0ANA');
  const list = page.getByRole('log');
  await page.getByText('Line 39', { exact: true }).waitFor();
  await list.evaluate((own: { scrollTop: number }) => {
    own.scrollTop = 0;
  });

  await bot.call('chat.postMessage', { channel: 'C0OPS', text: 'The newest' });
  const more = page.getByRole('button', { name: /New below/ });
  await more.waitFor();
  expect(await list.evaluate((own: { scrollTop: number }) => own.scrollTop)).toBe(0);
  await more.click();
  await more.waitFor({ state: 'detached' });

  expect(await page.getByText('The newest').isVisible()).toBe(true);
});

test('text of people and of the app never becomes markup', async () => {
  await using bot = await startWorkspaceBot();
  const page = await openAs(bot, 'U0ANA');
  const nasty = '<img src=x onerror="document.title=\'owned\'"> <b>bold</b>';

  await type(page, nasty);
  await bot.call('chat.postMessage', { channel: 'C0OPS', text: 'x', blocks: [section(nasty)] });
  await page.locator('.message').nth(1).waitFor();

  expect(await page.locator('.message img, .message b').count()).toBe(0);
  expect(await page.title()).not.toBe('owned');
});

test('everything works from the keyboard', async () => {
  await using bot = await startWorkspaceBot();
  openingForms(bot);
  const page = await openAs(bot, 'U0ANA');
  const composer = page.getByRole('combobox', { name: 'Message #ops' });

  await composer.press('/');
  await page.keyboard.type('dbdr inc');
  await page.getByRole('option', { name: /incident/ }).waitFor();
  await page.keyboard.press('Tab');
  expect(await composer.inputValue()).toBe('/dbdr incident');
  await page.keyboard.press('Enter');
  const form = page.getByRole('dialog', { name: 'Something is wrong' });
  await form.waitFor();
  await page.keyboard.press('Space');
  expect(await form.getByLabel('Rows or a table are gone').isChecked()).toBe(true);
  await form.getByLabel('Which tables').focus();
  await page.keyboard.type('orders');
  await page.keyboard.press('Enter');
  await form.waitFor({ state: 'detached' });
  expect(bot.requests.at(-1)?.type).toBe('view_submission');

  await composer.focus();
  await page.keyboard.press('ArrowUp');
  expect(await composer.inputValue()).toBe('/dbdr incident');
  await page.keyboard.press('Enter');
  await form.waitFor();
  await page.keyboard.press('Escape');
  await form.waitFor({ state: 'detached' });
  await page.keyboard.press('Alt+2');
  await page.getByRole('radio', { name: /Ben Okafor/, checked: true }).waitFor();
  await page.keyboard.press('Alt+ArrowDown');
  await page.getByRole('heading', { name: '#stakeholders', level: 1 }).waitFor();
});

test('a button of the demo runs what it names, once at a time, and tells how it ended', async () => {
  const gate = Promise.withResolvers<void>();
  let runs = 0;
  await using bot = await startWorkspaceBot({
    actions: [
      {
        id: 'bad-migration',
        label: 'Run the bad migration',
        description: 'Drops orders.shipping_address',
        async run() {
          runs += 1;
          await gate.promise;
        },
      },
    ],
  });
  const page = await openAs(bot, 'U0ANA');

  await page.getByRole('button', { name: 'Run the bad migration' }).click();
  const running = page.getByRole('button', { name: 'Running' });
  await running.waitFor();
  expect(await running.isDisabled()).toBe(true);
  gate.resolve();
  await page.getByText('Done: Run the bad migration').waitFor();

  expect(runs).toBe(1);
});

test('the page finds the workspace again after it was away', async () => {
  const { page, port } = await (async () => {
    await using first = await startWorkspaceBot();
    return { page: await openAs(first, 'U0BEN'), port: Number(new URL(first.workspace.url).port) };
  })();
  await page.getByText('connection lost').waitFor();

  await using again = await startWorkspaceBot({ port });
  await again.call('chat.postMessage', { channel: 'C0OPS', text: 'Said meanwhile' });
  await page.getByText('Said meanwhile').waitFor();

  expect(await page.getByText('live', { exact: true }).count()).toBe(1);
});
