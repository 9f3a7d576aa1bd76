/** A bad day led through Slack: the form, the walk that survives the bot's death, the gate, the update. */
import { afterAll, beforeAll, expect, test } from 'vitest';

import { ANA, BEN, NEWS, OPS } from '../../src/demo/people.ts';
import type { Message } from '../../src/workspace/workspace.ts';
import { openStory, type StoryStage } from '../support/story-stage.ts';
import {
  answerTo,
  buttonsOf,
  clicks,
  formOf,
  roots,
  said,
  sameSays,
  threadOf,
  whispered,
  wordsOf,
} from '../support/story-words.ts';
import { waitUntil } from '../support/wait-until.ts';

/** What is said of the step just before the bot dies. */
const STOPPED = 'ana did "Stop what does the damage"';

let stage: StoryStage;

beforeAll(async () => {
  stage = await openStory();
  await stage.workspace.as(ANA).command('/dbdr backup shop', OPS);
  await said(stage, ['Back up shop: Done']);
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

/** Skips or does the step that is due; answers what the person is told. */
async function step(message: Message, button: string, who = ANA): Promise<string> {
  return whispered(stage, who, async () => stage.workspace.as(who).click(message.ts, button));
}

test('a bad day is led from its first words to its last, across a death of the bot', async () => {
  const ana = stage.workspace.as(ANA);
  // A form knows whole seconds, and this one must be after the backup and before the damage.
  const wellAt = Math.ceil(Temporal.Now.instant().epochMilliseconds / 1000);
  await waitUntil(() => Temporal.Now.instant().epochMilliseconds > wellAt * 1000);
  const expected = await stage.shop.query('SELECT count(*)::int AS n FROM orders');
  await stage.shop.query('DELETE FROM transactions');
  await stage.shop.query('DELETE FROM orders WHERE id > 100');

  // The form: a mistake is told beside its field and nothing is opened.
  await ana.command('/dbdr incident', OPS);
  const form = await formOf(stage, ANA, 'Something is wrong');
  const values = { scenario: 'Rows or a table are gone', server: 'shop', at: wellAt };
  const wrong = await ana.submit(form.id, { ...values, tables: 'orders; DROP TABLE users' });
  expect(wrong).toHaveProperty(['errors', 'tables']);
  const future = await ana.submit(form.id, { ...values, at: wellAt + 86_400, tables: 'orders' });
  expect(future).toHaveProperty(['errors', 'at']);
  expect(roots(stage).filter((message) => wordsOf(message).includes('Incident:'))).toEqual([]);
  const opened = await whispered(stage, ANA, async () =>
    ana.submit(form.id, { ...values, tables: 'orders' }),
  );
  expect(opened).toContain('is open');
  const incident = await said(stage, ['Incident: shop', 'lead <@U0ANA>', 'not told yet']);
  expect(stage.workspace.openViews(ANA)).toEqual([]);
  expect(buttonsOf(incident)).toEqual(
    expect.arrayContaining(['incident_step_do', 'incident_step_skip', 'incident_close']),
  );

  // The walk: a tick, a look, and then the bot is gone.
  expect(await step(incident, 'incident_step_do')).toContain('did');
  await sameSays(stage, incident, /1\. [^\n]*\(done\)/);
  await waitUntil(() => threadOf(stage, incident).includes(STOPPED));
  await stage.killBot();
  expect(await ana.click(incident.ts, 'incident_step_do')).toMatchObject({ outcome: 'failed' });
  await stage.startBot();
  expect(await step(incident, 'incident_step_do')).toContain('did');
  await sameSays(stage, incident, /2\. [^\n]*\(done\)/, '*Step 3:');

  // The restore: the gate stands between the step and production.
  const started = await step(incident, 'incident_step_do');
  expect(started).toMatch(/started .* as r-/);
  const asked = await said(stage, ['Needs approval', 'orders']);
  const own = await whispered(stage, ANA, async () => ana.click(asked.ts, 'approve_run'));
  expect(own).toContain('somebody else must approve');
  await clicks(stage, BEN, asked, 'approve_run');
  const back = await sameSays(stage, asked, 'dbdr_restored_', '50,000 rows in dbdr_restored');
  await sameSays(stage, incident, /3\. [^\n]*\(done\)/);
  const [copy] = /dbdr_restored_\w+\.orders/.exec(wordsOf(back)) ?? [''];
  expect(await stage.shop.query(`SELECT count(*)::int AS n FROM ${copy}`)).toEqual(expected);

  // The update: previewed, posted once, and the incident knows when.
  await ana.click(incident.ts, 'incident_update');
  const words = await formOf(stage, ANA, 'Update stakeholders');
  const text = { what: 'Orders were deleted', impact: 'No labels', doing: 'They are back' };
  await ana.submit(words.id, text);
  const preview = await formOf(stage, ANA, 'This will be posted');
  expect(roots(stage, NEWS)).toEqual([]);
  expect(JSON.stringify(preview.content)).toContain('Orders were deleted');
  await whispered(stage, ANA, async () => ana.submit(preview.id, {}));
  const [posted, ...more] = roots(stage, NEWS);
  expect(more).toEqual([]);
  expect(posted === undefined ? '' : wordsOf(posted)).toContain('Orders were deleted');
  await sameSays(stage, incident, /first notice sent \d\d:\d\d:\d\d UTC · next update due/);

  // The end.
  await step(incident, 'incident_close');
  const closed = await sameSays(stage, incident, 'Closed at');
  expect(buttonsOf(closed)).toEqual([]);
  const thread = threadOf(stage, incident);
  // Slack may have taken what the bot was saying when it died, and nobody have noted it: rather twice than never.
  const others = thread.filter((line) => line !== STOPPED);
  expect(others).toEqual([...new Set(others)]);
  expect(thread.length - others.length).toBeLessThanOrEqual(2);
  expect(roots(stage).filter((message) => wordsOf(message).includes('Incident:'))).toHaveLength(1);
  expect(await answerTo(stage, ANA, '/dbdr update')).toContain('There is no open incident');
});
