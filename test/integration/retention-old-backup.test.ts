/** A backup that retention has left no more than its own log: on a real server, at a terminal. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import { ask, openShop, type Shop, type Told } from '../support/bad-input-shop.ts';

const Backups = z.object({
  backups: z.array(z.object({ backupId: z.string(), endedAt: z.string() })),
});
const Proof = z.looseObject({
  tables: z.array(z.object({ table: z.string(), outcome: z.string() })).min(1),
});
/** A dozen commands, each a process of its own. */
const LIMIT_MS = 240_000;
let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});

afterAll(async () => {
  await shop[Symbol.asyncDispose]();
});

async function done(words: string): Promise<Told> {
  const told = await ask(words, shop.cwd);
  expect([told.told, told.exitCode]).toEqual([': \n', 0]);
  return told;
}

test(
  'it is proved by its own proof point and restored to its own moment; any other moment is refused before anything is read',
  async () => {
    const config = join(shop.cwd, 'dbdr.yaml');
    const text = await readFile(config, 'utf8');
    const window = 'stores: [here], retention: { pitr: PT1S },';
    await writeFile(config, text.replace('stores: [here],', window));
    await shop.postgres.query("INSERT INTO orders VALUES (-2, 'later')");
    await shop.postgres.query('SELECT pg_switch_wal()');
    await done('backup');
    await done('verify');
    await shop.postgres.query("INSERT INTO orders VALUES (-3, 'later still')");
    await done('backup');
    const [first, second] = Backups.parse((await done('backups')).json).backups;
    if (first === undefined || second === undefined) throw new Error('No backups');
    await done(`hold ${first.backupId} --reason audit`);

    const thinned = await done('retention --apply --yes --reason test');

    expect(thinned.json).toMatchObject({ applied: true, remove: [{ backupId: second.backupId }] });
    expect((await done('wal')).json).toMatchObject({ missing: [] });
    await shop.postgres.stop();
    const proof = await done(`verify --backup ${first.backupId}`);
    await shop.postgres.start();
    const { tables, ...report } = Proof.parse(proof.json);
    expect(report).toMatchObject({ verdict: 'PASS', mode: 'exact', tornDown: true });
    expect(JSON.stringify(report)).toContain('its own log: what came after was thinned out');
    // As production stood when the backup was taken: it has gone on since, and is down by now.
    expect(tables.map(({ outcome }) => outcome)).toEqual(tables.map(() => 'equal'));
    expect(tables.map(({ table }) => table)).toContain('orders');
    const restored = await done(`restore --to ${first.endedAt}`);
    expect(restored.json).toMatchObject({ backupId: first.backupId });
    const between = Temporal.Instant.from(first.endedAt).add({ seconds: 3 }).toString();
    const refused = await ask(`restore --to ${between}`, shop.cwd);
    expect(refused.told).toContain(`is kept for its own moment only, ${first.endedAt}`);
  },
  LIMIT_MS,
);
