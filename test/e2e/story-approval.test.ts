/** A restore is asked for, refused, raced for and approved in Slack: no click and no word stays unanswered. */
import { afterAll, beforeAll, expect, test } from 'vitest';

import { ANA, BEN, CLEO, OPS, OTTO } from '../../src/demo/people.ts';
import type { Message } from '../../src/workspace/workspace.ts';
import { fingerprint, openStory, type StoryStage } from '../support/story-stage.ts';
import {
  answerTo,
  buttonsOf,
  clicks,
  roots,
  said,
  sameSays,
  sqlOf,
  threadOf,
  whispered,
  wordsOf,
} from '../support/story-words.ts';

let stage: StoryStage;

beforeAll(async () => {
  stage = await openStory();
  await stage.workspace.as(ANA).command('/dbdr backup shop', OPS);
  await said(stage, ['Back up shop: Done']);
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

/** Asks for the orders as they are now; answers the message with its buttons. */
async function askForOrders(): Promise<Message> {
  const known = new Set(roots(stage).map(({ ts }) => ts));
  const now = Temporal.Now.instant().toString({ smallestUnit: 'millisecond' });
  await stage.workspace.as(ANA).command(`/dbdr restore shop --to ${now} --tables orders`, OPS);
  return said(stage, ['Needs approval'], {
    fits: (message) => !known.has(message.ts) && buttonsOf(message).includes('approve_run'),
  });
}

test('a restore says the moment in UTC, in the zone of who asked, and how long ago it was', async () => {
  const at = Temporal.Now.instant().subtract({ milliseconds: 100 }).round('millisecond');
  const local = at.toZonedDateTimeISO('Europe/Berlin');
  const typed = local.toPlainTime().toString({ smallestUnit: 'millisecond' });

  await stage.workspace.as(ANA).command(`/dbdr restore shop --to ${typed}`, OPS);
  const utc = at.toString().replace('T', ' ').replace('Z', '');
  const message = await said(stage, [`*Target*  ${utc} UTC`, 'Done']);

  expect(wordsOf(message)).toContain(`${local.toPlainTime().toString().slice(0, 8)} Berlin`);
  expect(wordsOf(message)).toMatch(/(ago|just now) when it was asked/);
  expect(buttonsOf(message)).not.toContain('approve_run');
});

test('only another approver’s click counts; of two at once one starts it and the other is told who', async () => {
  const before = await fingerprint(stage.shop, 'orders');
  const asked = await askForOrders();

  const toOtto = await whispered(stage, OTTO, async () =>
    stage.workspace.as(OTTO).click(asked.ts, 'approve_run'),
  );
  const toAna = await whispered(stage, ANA, async () =>
    stage.workspace.as(ANA).click(asked.ts, 'approve_run'),
  );
  const heard = new Set([BEN, CLEO].flatMap((who) => stage.workspace.ephemerals(who)));
  await stage.shop.query('UPDATE orders SET total_cents = 0 WHERE id <= 10');
  await Promise.all([
    stage.workspace.as(BEN).click(asked.ts, 'approve_run'),
    stage.workspace.as(CLEO).click(asked.ts, 'approve_run'),
  ]);
  const done = await sameSays(stage, asked, 'dbdr_restored_', '50,000 rows', 'Approved by');

  expect(toOtto).toContain('otto is not an approver');
  expect(toAna).toContain('You asked for it, so somebody else must approve it');
  expect(toAna).toContain('waits for <@U0BEN> or <@U0CLEO>');
  const news = [BEN, CLEO]
    .flatMap((who) => stage.workspace.ephemerals(who))
    .filter((message) => !heard.has(message))
    .map(wordsOf);
  expect(news).toHaveLength(1);
  expect(news[0]).toMatch(/Already approved by (ben|cleo) at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d/);
  expect(threadOf(stage, done).filter((text) => text.startsWith('Approved by'))).toHaveLength(1);
  expect(buttonsOf(done)).not.toContain('approve_run');
  const [copy] = /dbdr_restored_\w+\.orders/.exec(wordsOf(done)) ?? [''];
  expect(await fingerprint(stage.shop, copy)).toBe(before);
  expect(await fingerprint(stage.shop, 'orders')).not.toBe(before);
  expect(sqlOf(done, 'orders')).toContain(copy);
});

test('refused is refused: it ends for everybody, and nothing of it is in production', async () => {
  const asked = await askForOrders();

  await clicks(stage, BEN, asked, 'refuse_run');
  const refused = await sameSays(stage, asked, 'Refused by');

  expect(buttonsOf(refused)).not.toContain('approve_run');
  expect(buttonsOf(refused)).not.toContain('refuse_run');
  expect(await answerTo(stage, CLEO, '/dbdr runs shop')).toContain('refused');
  const schemas = await stage.shop.query<{ name: string }>(
    `SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE 'dbdr%'`,
  );
  const [id] = /dbdr_restored_\w+/.exec(wordsOf(asked)) ?? [''];
  expect(schemas.map(({ name }) => name)).not.toContain(id);
});

test('words that are wrong are answered to who typed them, with what to type instead', async () => {
  const before = roots(stage).length;
  const answers: Readonly<Record<string, readonly string[]>> = {
    '/dbdr': ['What you can ask for', 'restore', 'incident'],
    '/dbdr help': ['What you can ask for', 'verify'],
    '/dbdr status': ['shop is restorable to', 'Last backup'],
    '/dbdr backups shop': ['Base backups', 'in here'],
    '/dbdr restore shop --tabels orders': ['--tabels', 'Did you mean `--tables`?'],
    '/dbdr restor shop': ['Did you mean', 'restore'],
    '/dbdr restore shpo': ['shpo', 'shop'],
    '/dbdr restore shop --to 2026-10-25T02:30': ['happened twice in Berlin', '00:30', '01:30'],
    '/dbdr restore shop --to 2099-01-01T00:00Z': ['still to come'],
    '/dbdr restore shop --to 2001-01-01T00:00Z': ['earliest', 'TARGET_TOO_EARLY'],
    '/dbdr restore shop --to teatime': ['teatime', 'TARGET_UNREADABLE'],
  };

  for (const [typed, words] of Object.entries(answers)) {
    const answer = await answerTo(stage, ANA, typed);
    const missing = words.filter((word) => !answer.includes(word));
    expect({ typed, answer, missing }).toMatchObject({ missing: [] });
  }

  expect(roots(stage)).toHaveLength(before);
});

test('an outsider may look, and is told why not more', async () => {
  expect(await answerTo(stage, OTTO, '/dbdr status')).toContain('shop is restorable to');
  expect(await answerTo(stage, OTTO, '/dbdr backup shop')).toContain('otto');
  expect(await answerTo(stage, OTTO, '/dbdr restore shop --to latest')).toContain(
    'otto is neither operator nor approver',
  );
});

test('a table that was not there at that moment ends the restore with its likely name', async () => {
  await stage.workspace.as(ANA).command('/dbdr restore shop --to latest --tables orderz', OPS);

  const failed = await said(stage, ['orderz', 'Failed', 'Did you mean `orders`?']);

  expect(buttonsOf(failed)).not.toContain('approve_run');
});
