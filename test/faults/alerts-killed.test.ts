/** The process that pages is killed between any two steps: the next one pages, under the same key. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import type { DeathMoment } from '../support/alerts-child.ts';
import { alertsSetting } from '../support/alerts-setting.ts';
import { startEventsApi } from '../support/events-api.ts';
import { waitUntil } from '../support/wait-until.ts';

const CHILD = fileURLToPath(new URL('../support/alerts-child.ts', import.meta.url));

async function dieAt(moment: DeathMoment, path: string, url: string): Promise<string | null> {
  const child = spawn(process.execPath, [CHILD, path, url, moment], { stdio: 'inherit' });
  await once(child, 'exit');
  return child.signalCode;
}

test.each([
  ['noticed', 0],
  ['decided', 0],
  ['sent', 1],
] as const)(
  'killed when it has %s, it has told %i times, and the next one tells',
  async (moment, count) => {
    await using api = await startEventsApi();
    await using setting = await alertsSetting();
    const run = await setting.prove({ verdict: 'FAIL' });
    const { outbox, runs } = setting.at.catalog;

    expect(await dieAt(moment, setting.at.path, api.url)).toBe('SIGKILL');
    expect(api.taken).toHaveLength(count);

    await setting.serving(setting.depsOf(api.url), async () => {
      await waitUntil(async () => (await outbox.lastAccepted()) !== undefined);
    });
    expect(api.taken).toHaveLength(count + 1);
    expect(new Set(api.taken.map(({ dedup_key: key }) => key)).size).toBe(1);
    expect(api.ringing()).toHaveLength(1);
    const told = (await runs.eventsOf(run.runId)).filter(({ kind }) => kind === 'paged');
    expect(told.map(({ data }) => data)).toMatchObject([
      { outcome: 'waiting' },
      { outcome: 'accepted' },
    ]);

    await setting.serving(setting.depsOf(api.url), async () => {
      await setting.prove({ verdict: 'PASS' });
      await waitUntil(() => api.ringing().length === 0);
    });
  },
);

test('killed when it has decided that it is over, the next one takes it back', async () => {
  await using api = await startEventsApi();
  await using setting = await alertsSetting();
  await setting.serving(setting.depsOf(api.url), async () => {
    await setting.prove({ verdict: 'FAIL' });
    // Else it has rung, and who stops here has not noted it: it is told once more.
    await waitUntil(async () => (await setting.at.catalog.outbox.lastAccepted()) !== undefined);
  });
  await setting.prove({ verdict: 'PASS' });

  expect(await dieAt('decided', setting.at.path, api.url)).toBe('SIGKILL');
  expect(api.ringing()).toHaveLength(1);

  await setting.serving(setting.depsOf(api.url), async () => {
    await waitUntil(() => api.ringing().length === 0);
  });
  expect(api.taken.map(({ event_action: action }) => action)).toEqual(['trigger', 'resolve']);
});
