/** A bad night: the proof fails, somebody is woken, #ops says so, and the next good proof lets them sleep. */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';

import { ANA, OPS } from '../../src/demo/people.ts';
import { type EventsApi, ROUTING_KEY, startEventsApi } from '../support/events-api.ts';
import { openStory, type StoryStage } from '../support/story-stage.ts';
import { clicks, said, threadOf, whispered, wordsOf } from '../support/story-words.ts';
import { waitUntil } from '../support/wait-until.ts';

/** From the end of the proof to the request. */
const SECONDS_MAX = 10;

async function nameThePager({ folder }: StoryStage, { url }: EventsApi): Promise<void> {
  const path = join(folder, 'dbdr.yaml');
  const config = z.looseObject({}).parse(parse(await readFile(path, 'utf8')));
  const alerts = { pagerduty: { routing_key: ROUTING_KEY, url } };
  await writeFile(path, stringify({ ...config, alerts }));
}

/** One bit of the largest file of the backup is another one. */
async function spoilTheBackup({ store }: StoryStage): Promise<void> {
  const names = await readdir(join(store, 'shop'), { recursive: true });
  const packs = names.filter((name) => /(^|\/)packs?[/-]/.test(name));
  const sizes = await Promise.all(
    packs.map(async (name) => {
      const path = join(store, 'shop', name);
      const about = await stat(path);
      return { path, size: about.isFile() ? about.size : 0 };
    }),
  );
  const [largest] = sizes.toSorted((a, b) => b.size - a.size);
  if (largest === undefined) throw new Error(`There is no pack: ${names.join(', ')}`);
  const bytes = await readFile(largest.path);
  const at = Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  await writeFile(largest.path, bytes);
}

const Tested = z.object({ test: z.object({ trigger: z.string() }), open: z.array(z.unknown()) });
const Status = z.object({
  servers: z.array(z.object({ hoursSinceLastPass: z.number().nullable() })),
});

async function hoursSinceLastPass(story: StoryStage): Promise<number | null | undefined> {
  const { stdout } = await story.dbdr('status', 'shop', '--json');
  return Status.parse(JSON.parse(stdout)).servers[0]?.hoursSinceLastPass;
}

test('a proof that fails pages within seconds, and the next that passes takes it back', async () => {
  await using api = await startEventsApi();
  await using story = await openStory();
  await story.stopBot();
  await nameThePager(story, api);
  await story.startBot();
  const ana = story.workspace.as(ANA);
  const tried = await story.dbdr('alerts', '--test', '--json');
  expect(Tested.parse(JSON.parse(tried.stdout))).toMatchObject({
    test: { trigger: '202, success, Event processed' },
    open: [],
  });
  expect(api.taken.map(({ event_action: action }) => action)).toEqual(['trigger', 'resolve']);
  await story.dbdr('backup', 'shop');
  await spoilTheBackup(story);

  await ana.command('/dbdr verify shop', OPS);
  await waitUntil(() => api.ringing().length === 1, 60_000);
  const report = await said(story, [
    /^shop could NOT be proved restorable · FAIL · page accepted by PagerDuty at \d\d:\d\d UTC/,
  ]);

  const page = api.taken.at(-1);
  expect(page?.payload).toMatchObject({ source: 'shop', severity: 'critical' });
  const { custom_details: details, timestamp = '' } = page?.payload ?? {};
  expect(details).toMatchObject({ store: 'here', 'run id': expect.any(String) as unknown });
  const link = { href: expect.stringMatching(/\/archives\/C\w+\/p\d+$/) as unknown };
  expect(page).toMatchObject({ client: 'dbdr', client_url: link.href, links: [link] });
  await waitUntil(() => threadOf(story, report).some((line) => line.startsWith('Page accepted')));
  expect(Temporal.Now.instant().since(timestamp).total('seconds')).toBeLessThan(SECONDS_MAX);
  expect(await hoursSinceLastPass(story)).toBeNull();
  expect(await whispered(story, ANA, () => clicks(story, ANA, report, 'Open the walk'))).toMatch(
    /Incident .* is open/,
  );
  const walk = await said(story, ['Incident: shop: a backup failed its proof', 'in "here"']);
  expect(wordsOf(walk)).toContain(`npx dbdr runs --run ${details?.['run id']}`);
  await story.dbdr('backup', 'shop');

  await ana.command('/dbdr verify shop', OPS);
  await said(story, [/^shop is restorable to .* · PASS/]);
  await waitUntil(() => api.ringing().length === 0);

  expect(await hoursSinceLastPass(story)).toBeLessThan(0.1);
  expect(story.botLog()).not.toContain(ROUTING_KEY);
});
