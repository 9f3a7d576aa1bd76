/** The quiet morning: nobody asks, and #ops reads what the clock had done. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';

import { OPS } from '../../src/demo/people.ts';
import { openStory } from '../support/story-stage.ts';

const Runs = z.object({
  runs: z.array(
    z.object({
      operation: z.string(),
      askedAt: z.string(),
      asker: z.object({ id: z.string() }),
    }),
  ),
});

const MINUTES_MS = 200_000;

test('the scheduled backup and its proof are reported in #ops, each moment once', async () => {
  await using story = await openStory();
  await story.stopBot();
  const path = join(story.folder, 'dbdr.yaml');
  const everyMinute =
    'backup: { schedule: "* * * * *" }\n    verification: { schedule: "* * * * *" }';
  const yaml = await readFile(path, 'utf8');
  await writeFile(path, yaml.replace('archiving:', `${everyMinute}\n    archiving:`));
  await story.dbdr('backup', 'shop');

  await story.startBot();
  const signal = AbortSignal.timeout(MINUTES_MS);
  const report = await story.workspace.waitForMessage(
    OPS,
    ({ text }) => /^shop is restorable to .* UTC · PASS: Done/.test(text),
    { signal, what: 'the proof that the clock asked for' },
  );
  const backup = await story.workspace.waitForMessage(
    OPS,
    ({ text }) => text.startsWith('Back up shop: Done, asked by the schedule'),
    { signal, what: 'the backup that the clock asked for' },
  );
  await story.stopBot();

  expect(report.text).toContain('asked by the schedule');
  expect(JSON.stringify(report.blocks)).toContain('"type":"table"');
  expect(backup.text).toMatch(/stored/);
  const { stdout } = await story.dbdr('runs', 'shop', '--json');
  const { runs } = Runs.parse(JSON.parse(stdout));
  const asked = runs
    // What a proof that took longer than a minute held back is asked for again, by another name.
    .filter(({ asker }) => ['backup:shop', 'verify:shop'].includes(asker.id))
    .map(({ operation, askedAt }) => `${operation} ${askedAt.slice(0, 16)}`);
  expect(asked.length).toBeGreaterThanOrEqual(2);
  expect(new Set(asked).size).toBe(asked.length);
});
