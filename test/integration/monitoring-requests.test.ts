/** What buckets are asked is written beside the catalogue, also by two processes, also after a full disk. */
import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { expect, test } from 'vitest';

import { silentLog } from '../../src/kernel/log.ts';
import { readRequests, requestsService } from '../../src/monitoring/requests.ts';
import { RequestCounts } from '../../src/storage/request-counts.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const MINUTE_MS = 60_000;

function serving(path: string, messages: string[] = []) {
  const clock = fakeClock();
  const stopping = new AbortController();
  const counts = new RequestCounts();
  const log = { ...silentLog, warn: (message: string) => void messages.push(message) };
  const service = requestsService({ path, counts, clock, log });
  const running = service.run({ signal: stopping.signal, ready: () => undefined });
  return {
    counts,
    async minute() {
      await clock.advance(MINUTE_MS);
      await clock.untilAsleep(1);
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

test('what cannot be written is no failure, is told, and is written the next time', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'away', 'requests.json');
  const messages: string[] = [];
  const at = serving(path, messages);
  await at.minute();
  at.counts.count('west', 'PutObjectCommand');
  await at.minute();
  expect(messages).toHaveLength(2);

  await mkdir(dirname(path));
  at.counts.count('west', 'PutObjectCommand');
  await at.minute();
  await at.stop();

  expect((await readRequests(path)).days[0]?.stores['west']?.put).toBe(2);
  expect(messages).toHaveLength(2);
});

test('two processes that serve the same config write whole files, and leave nothing beside them', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'requests.json');
  const messages: string[] = [];
  const both = [serving(path, messages), serving(path, messages)];

  for (let turn = 0; turn < 20; turn++) await Promise.all(both.map(async (one) => one.minute()));
  await Promise.all(both.map(async (one) => one.stop()));

  expect(messages).toEqual([]);
  expect(await readdir(folder.path)).toEqual(['requests.json']);
});
