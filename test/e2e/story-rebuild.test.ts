/** Everything is lost but the store and the key: a terminal alone brings every committed row back. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import { connect } from '../../src/postgres/connect.ts';
import { fingerprint, openStory, type StoryStage } from '../support/story-stage.ts';
import { waitUntil } from '../support/wait-until.ts';

const Status = z.looseObject({
  servers: z.array(z.looseObject({ recoverableTo: z.string().nullable() })),
});
const Backups = z.looseObject({ backups: z.array(z.looseObject({ backupId: z.string() })) });
const Restored = z.looseObject({
  instance: z.looseObject({ url: z.string(), directory: z.string() }),
});

let stage: StoryStage;

beforeAll(async () => {
  stage = await openStory();
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

async function recoverableTo(): Promise<string> {
  const { stdout } = await stage.dbdr('status', '--json');
  return Status.parse(JSON.parse(stdout)).servers[0]?.recoverableTo ?? '';
}

test('store and key are enough: rebuild, list, restore the newest moment, row for row', async () => {
  expect((await stage.dbdr('backup', 'shop')).exitCode).toBe(0);
  const [{ backupId } = { backupId: '' }] = Backups.parse(
    JSON.parse((await stage.dbdr('backups', '--json')).stdout),
  ).backups;
  await stage.shop.query(
    `INSERT INTO orders (user_id, total_cents, placed_at) SELECT 1, n, now() FROM generate_series(1, 777) AS n`,
  );
  const expected = await fingerprint(stage.shop, 'orders');
  const committed = Temporal.Now.instant();
  // What is not stored yet is lost with the server: the bot says how far it is.
  await waitUntil(async () => {
    const stored = await recoverableTo();
    return stored !== '' && Temporal.Instant.compare(Temporal.Instant.from(stored), committed) > 0;
  }, 60_000);

  await stage.killBot();
  await stage.shop[Symbol.asyncDispose]();
  await stage.cluster.kill();
  await rm(stage.state, { recursive: true });

  const rebuilt = await stage.dbdr('rebuild', '--json');
  const listed = await stage.dbdr('backups', 'shop', '--json');
  const restored = await stage.dbdr('restore', 'shop', '--to', 'latest', '--json');

  expect(rebuilt).toMatchObject({ exitCode: 0 });
  expect(Backups.parse(JSON.parse(listed.stdout)).backups).toMatchObject([{ backupId }]);
  expect(restored).toMatchObject({ exitCode: 0 });
  const { instance } = Restored.parse(JSON.parse(restored.stdout));
  const signal = AbortSignal.timeout(30_000);
  {
    await using copy = await connect(instance.url, { signal });
    expect(await fingerprint(copy, 'orders')).toBe(expected);
  }
  const gone = await stage.dbdr('instances', '--json');
  expect(gone.stdout).toContain(instance.directory);
  expect(existsSync(instance.directory)).toBe(true);
});
