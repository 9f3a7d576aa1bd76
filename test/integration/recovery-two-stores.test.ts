/** A backup in two stores: what one of them lost is taken from the other, and the loss is told. */
import { cp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';

import { ask, leftovers, openShop, type Shop, type ShopCopy } from '../support/bad-input-shop.ts';

let shop: Shop;
let copy: ShopCopy;
let cwd: string;

beforeAll(async () => {
  shop = await openShop();
});

afterAll(async () => {
  await shop[Symbol.asyncDispose]();
});

/** `here` and `west` hold the same; the catalogue knows nothing. */
beforeEach(async () => {
  copy = await shop.copy();
  ({ cwd } = copy);
  await cp(join(cwd, 'store'), join(cwd, 'west'), { recursive: true });
  const yaml = await readFile(join(cwd, 'dbdr.yaml'), 'utf8');
  await writeFile(
    join(cwd, 'dbdr.yaml'),
    yaml
      .replace('stores: [here]', 'stores: [here, west]')
      .replace('stores:\n', 'stores:\n  west: { kind: directory, path: ./west }\n'),
  );
});

afterEach(async () => {
  await copy[Symbol.asyncDispose]();
});

const Restored = z.object({ runId: z.string(), warnings: z.array(z.string()) });

/** To the newest moment; the copy is removed again. */
async function restore(where = ''): Promise<z.infer<typeof Restored>> {
  const answer = await ask(`restore shop${where}`, cwd);
  if (answer.exitCode !== 0) throw new Error(answer.told);
  const restored = Restored.parse(answer.json);
  await ask(`instances remove ${restored.runId}`, cwd);
  expect(await leftovers(cwd)).toEqual([]);
  return restored;
}

async function copiesOfNewest(): Promise<unknown> {
  const { json } = await ask('backups', cwd);
  const { backups } = z.object({ backups: z.array(z.object({ copies: z.unknown() })) }).parse(json);
  return backups.at(-1)?.copies;
}

function newestBackup(): string {
  return copy.backups.at(-1) ?? '';
}

async function flipBit(file: string): Promise<void> {
  const { size } = await stat(file);
  const handle = await open(file, 'r+');
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, Math.floor(size / 2));
  byte[0] = (byte[0] ?? 0) ^ 1;
  await handle.write(byte, 0, 1, Math.floor(size / 2));
  await handle.close();
}

test('a damaged pack is read from the other store, and its copy alone is set aside', async () => {
  await flipBit(join(newestBackup(), 'pack-0001'));

  // There a part of the first copy must be taken away again before the second one comes.
  const restored = await restore(` --into ${join(cwd, 'restored')}`);
  const again = await ask('restore shop --plan', cwd);
  const status = await ask('status', cwd);

  expect(restored.warnings).toEqual([
    expect.stringMatching(/^Backup \S+ is damaged in here and was read from west: /),
  ]);
  expect(await copiesOfNewest()).toMatchObject([
    { store: 'here', verified: { verdict: 'FAIL' } },
    { store: 'west', verified: null },
  ]);
  expect(again.json).toMatchObject({ plan: { store: 'west' } });
  expect(again.stdout).toContain('in here failed its last proof or restore');
  expect(status.stdout).toContain('COPY_DAMAGED');
});

test('log that is missing or damaged in one store is taken from the other', async () => {
  const whole = await ask('restore shop --plan', cwd);
  const segments = (await readdir(copy.wal)).toSorted();
  await rm(join(copy.wal, segments.at(-1) ?? ''));
  await flipBit(join(copy.wal, segments.at(-2) ?? ''));
  const oldest = copy.backups[0]?.split('/').at(-1) ?? '';
  // Only the older backup needs them.
  for (const store of ['store', 'west'])
    await rm(newestBackup().replace(`${cwd}/store/`, `${cwd}/${store}/`), { recursive: true });

  const planned = await ask('restore shop --plan', cwd);
  const restored = await restore();

  const { walTo } = z.object({ walTo: z.string() }).parse(whole.json);
  expect(planned.json).toMatchObject({ walTo, base: { backupId: oldest } });
  expect(planned.stdout).toMatch(
    /Store here lacks log after \S+; what another store has is read there/,
  );
  expect(restored.warnings).toEqual([
    expect.stringMatching(/^WAL file \S+ is damaged in here and was read from west: /),
  ]);
});

test('a manifest that cannot be read in one store is read from the other', async () => {
  await flipBit(join(newestBackup(), 'manifest'));

  const planned = await ask('restore shop --plan', cwd);

  expect(planned.json).toMatchObject({ store: 'west', copies: ['west'] });
  expect(await copiesOfNewest()).toMatchObject([
    { store: 'west', unreadable: null },
    { store: 'here', verified: null },
  ]);
});

test('a store that is away is passed over, and the plan says so', async () => {
  await rm(join(cwd, 'store'), { recursive: true });
  await writeFile(join(cwd, 'store'), 'not a folder');

  const planned = await ask('restore shop --plan', cwd);
  const restored = await restore();
  const tooLate = await ask('restore shop --to 0/FF000000', cwd);

  expect(planned.json).toMatchObject({ plan: { store: 'west', copies: ['west'] } });
  expect(planned.stdout).toContain('Store here cannot be used');
  expect(restored.warnings).toEqual([]);
  expect(tooLate.told).toContain('what is in "here" could not be read');
});

/** Last: it takes log from the server that the other copies of the shop do not get any more. */
test('each store is proved in its turn, and a verdict is that of one copy', async () => {
  const Proof = z.object({ store: z.string(), verdict: z.string() });

  const first = await ask('verify', cwd);
  const second = await ask('verify', cwd);
  await flipBit(join(newestBackup().replace('/store/', '/west/'), 'pack-0001'));
  const third = await ask('verify --store west', cwd);

  expect.soft([first.told, second.told]).toEqual([': \n', ': \n']);
  const proofs = [first, second, third].map(({ json }) => Proof.parse(json));
  expect.soft(proofs).toEqual([
    { store: 'here', verdict: 'PASS' },
    { store: 'west', verdict: 'PASS' },
    { store: 'west', verdict: 'FAIL' },
  ]);
  expect(await copiesOfNewest()).toMatchObject([
    { store: 'here', verified: { verdict: 'PASS' } },
    { store: 'west', verified: { verdict: 'FAIL' } },
  ]);
});
