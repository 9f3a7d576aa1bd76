/** A request that nobody answers: its time ends, its buttons go, and who comes late is told. */
import { expect, test } from 'vitest';

import { ANA, BEN, OPS } from '../../src/demo/people.ts';
import type { Message } from '../../src/workspace/workspace.ts';
import { openStory, type StoryStage } from '../support/story-stage.ts';
import { buttonsOf, said, sameSays, threadOf, whispered } from '../support/story-words.ts';
import { waitUntil } from '../support/wait-until.ts';

/** Undefined: the buttons were gone already. */
async function lateClick(stage: StoryStage, { ts }: Message): Promise<string | undefined> {
  const now = stage.workspace.messages(OPS).find((message) => message.ts === ts);
  if (now === undefined || !buttonsOf(now).includes('approve_run')) return undefined;
  return whispered(stage, BEN, async () => stage.workspace.as(BEN).click(ts, 'approve_run'));
}

test('a request expires by itself, its buttons go, and a late click is told so', async () => {
  await using stage = await openStory({ slack: 'approvals: { expires: PT5S }' });
  await stage.workspace.as(ANA).command('/dbdr backup shop', OPS);
  await said(stage, ['Back up shop: Done']);
  await stage.workspace.as(ANA).command('/dbdr restore shop --to latest --tables orders', OPS);
  const asked = await said(
    stage,
    ['Needs approval', /expires \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/],
    {
      fits: (message) => buttonsOf(message).includes('approve_run'),
    },
  );
  // Its time begins anew when there is something to copy.
  const ready = await sameSays(stage, asked, 'psql "');
  const expiresAt = Temporal.Instant.from(/Expires (\S+)/.exec(ready.text)?.[1] ?? '');
  await waitUntil(() => Temporal.Instant.compare(Temporal.Now.instant(), expiresAt) > 0);

  const late = await lateClick(stage, asked);
  const expired = await sameSays(stage, asked, 'Expired before anybody approved', 'psql "');

  expect(late ?? 'the buttons are gone').toMatch(
    /expired|time to be approved is over|buttons are gone/,
  );
  expect(buttonsOf(expired)).not.toContain('approve_run');
  expect(buttonsOf(expired)).not.toContain('refuse_run');
  await waitUntil(() =>
    threadOf(stage, asked).includes('The request expired before enough people approved.'),
  );
  const schemas = await stage.shop.query(`SELECT FROM pg_namespace WHERE nspname LIKE 'dbdr%'`);
  expect(schemas).toHaveLength(0);
});
