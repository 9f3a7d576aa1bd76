/** Stores that lie, lose, cut and refuse while they are copied: nothing wrong is kept, or called right. */
import { Readable } from 'node:stream';

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { historyKey } from '../../src/engines/streaming/wal-format.ts';
import type { WalObjectStored } from '../../src/engines/wal-archive.ts';
import { Problem } from '../../src/kernel/problem.ts';
import { mirrorService } from '../../src/mirroring/services.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import { isObjectKey, type ObjectKey, type ObjectStore } from '../../src/storage/object-store.ts';
import { STORE_UNREACHABLE } from '../../src/storage/problems.ts';
import { absentStore } from '../support/absent-store.ts';
import { type FaultyStore, faultyStore } from '../support/faulty-store.ts';
import { type MirrorSetting, mirrorSetting } from '../support/mirror-setting.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { waitUntil } from '../support/wait-until.ts';

const { signal } = new AbortController();
let postgres: TestPostgres;
let setting: MirrorSetting;
let here: FaultyStore;
let west: FaultyStore;

beforeAll(async () => {
  postgres = await startPostgres({ initdbArguments: ['--wal-segsize=1'] });
  await postgres.query("ALTER SYSTEM SET max_slot_wal_keep_size = '1GB'");
  await postgres.query('SELECT pg_reload_conf()');
  await postgres.query('CREATE TABLE load (i int, text text)');
  setting = await mirrorSetting(postgres);
  const archiving = setting.start('archiving');
  await setting.untilStored('here', await setting.write());
  await setting.backUp();
  await setting.untilStored('here', await setting.write());
  await archiving.stop();
});

afterAll(async () => {
  await setting[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

beforeEach(() => {
  here = faultyStore(setting.here);
  west = faultyStore(memoryStore());
});

afterEach(async () => {
  const { catalog } = setting;
  for (const row of await catalog.backups.list('shop'))
    if (row.store === 'west') await catalog.backups.remove('shop', row.backupId, 'west');
  for (const code of ['FAILING', 'CONFLICT', 'DAMAGED', 'SOURCE_INCOMPLETE'])
    await catalog.findings.close(`MIRROR_${code}:west`, 'shop');
});

test('a store that answers other bytes is told of, and its backup is not counted as being there', async () => {
  west.damage(/pack-0001$/, (bytes, at) => {
    if (at === 0) bytes[60] = (bytes[60] ?? 0) ^ 1;
    return bytes;
  });
  await mirrorUntil(async () => (await setting.findings()).includes('MIRROR_DAMAGED'));
  expect(await rowsOfWest()).toBe(0);

  west.damage(/never/, (bytes) => bytes);
  await mirrorUntil(async () => (await rowsOfWest()) === 1 && (await noFindings()));
});

test('what the other store holds under a name is never replaced, and the rest is copied', async () => {
  const [pack, segment] = [await keyIn('base', /pack-0001$/), await keyIn('wal', /-[0-9a-f]{32}$/)];
  for (const key of [pack, segment]) await put(west, key, 'something else');

  const wal = await setting.keys(setting.here, 'wal');
  await mirrorUntil(
    async () =>
      (await setting.findings()).includes('MIRROR_CONFLICT') &&
      (await setting.keys(west, 'wal')).length === wal.length,
  );

  for (const key of [pack, segment]) expect(await read(west, key)).toBe('something else');
  expect(await setting.keys(west, 'wal')).toEqual(wal);
  expect((await setting.keys(west, 'base')).filter((key) => key.endsWith('manifest'))).toEqual([]);
  expect(await rowsOfWest()).toBe(0);
});

test('a first store that gives less than it lists leaves nothing half in the other', async () => {
  const cut: ObjectStore = {
    ...here,
    open: async (key, options) =>
      key.endsWith('pack-0001') && options.startByte === undefined
        ? Readable.from([Buffer.from('cut short')])
        : await here.open(key, options),
  };

  await mirrorUntil(async () => (await setting.findings()).includes('MIRROR_FAILING'), cut);

  expect(await west.stat(await keyIn('base', /pack-0001$/), { signal })).toBeUndefined();
  expect((await setting.keys(west, 'base')).filter((key) => key.endsWith('manifest'))).toEqual([]);
  await mirrorUntil(async () => (await rowsOfWest()) === 1 && (await noFindings()));
});

test('a backup that lacks a pack in the first store is not made a backup in the other', async () => {
  const lost = await keyIn('base', /pack-0002$/);
  const without: ObjectStore = {
    ...here,
    async *list(...args) {
      for await (const info of here.list(...args)) if (info.key !== lost) yield info;
    },
  };

  await mirrorUntil(
    async () => (await setting.findings()).includes('MIRROR_SOURCE_INCOMPLETE'),
    without,
  );

  expect((await setting.keys(west, 'base')).filter((key) => key.endsWith('manifest'))).toEqual([]);
});

test('what is removed from the first store meanwhile is left out, and a tail for its whole segment', async () => {
  const [tail, pack] = [await keyIn('tail', /./), await keyIn('base', /pack-0001$/)];
  const ghostly = tail.replace(/[^/]+$/, '0000000000000000-0000000000000001');
  if (!isObjectKey(ghostly)) throw new TypeError(ghostly);
  const listsMore: ObjectStore = {
    ...here,
    async *list(prefix, options) {
      if (prefix.endsWith('/tail/')) yield { key: ghostly, sizeBytes: 3 };
      yield* here.list(prefix, options);
    },
  };

  const tails = await setting.keys(setting.here, 'tail');
  await mirrorUntil(
    async () =>
      (await rowsOfWest()) === 1 && (await setting.keys(west, 'tail')).length === tails.length,
    listsMore,
  );

  expect(await west.stat(ghostly, { signal })).toBeUndefined();
  expect(await west.stat(pack, { signal })).toBeDefined();
  expect(await setting.keys(west, 'tail')).toEqual(tails);
});

test('a write that was done and told as failed is found there afterwards', async () => {
  west.failPut(/pack-0002$/, new Problem(STORE_UNREACHABLE, 'The answer was lost'));
  const trying = mirrorUntil(async () => (await rowsOfWest()) === 1);
  await waitUntil(async () => (await setting.keys(west, 'base')).length > 1);
  west.failPut(/never/, new Error('never'));

  await trying;

  expect(await setting.keys(west, 'base')).toEqual(await setting.keys(setting.here, 'base'));
});

test('the same log sealed with another key is no conflict', async () => {
  const folder = await clusterFolder();
  const key = historyKey(folder, '00000009.history');
  const { putWal } = await import('../../src/engines/streaming/wal-objects.ts');
  for (const store of [setting.here, west]) {
    const place = { store, ring: setting.mirroring.ring, folder, signal };
    await putWal(place, key, Buffer.from('1\t0/5000000\tno recovery target specified\n'));
  }

  await mirrorUntil(async () => (await rowsOfWest()) === 1 && (await noFindings()));
  await setting.here.remove(key, { signal });

  expect(await setting.findings()).toEqual([]);
});

test('a store that was away and comes back empty gets everything again, backups too', async () => {
  const away = absentStore(memoryStore());
  const empty = memoryStore();
  let current: ObjectStore = west;
  let refusals = 0;
  const changing: ObjectStore = {
    ...west,
    put: async (...args) => await current.put(...args),
    open: async (...args) => await current.open(...args),
    stat: async (...args) => await current.stat(...args),
    list: (...args) => {
      if (current === away) refusals++;
      return current.list(...args);
    },
  };

  await mirrorUntil(
    async () => {
      if (current === west && (await rowsOfWest()) === 1) {
        [current, away.isAway] = [away, true];
        setting.mirroring.feed.object(await anyTail());
      }
      if (refusals > 0) current = empty;
      return (await setting.keys(empty, 'base')).some((key) => key.endsWith('manifest'));
    },
    here,
    changing,
  );

  expect(await setting.keys(empty, 'base')).toEqual(await setting.keys(setting.here, 'base'));
});

async function anyTail(): Promise<WalObjectStored> {
  const { server } = setting.route;
  const { systemId } = await clusterFolder();
  const key = await keyIn('tail', /./);
  return { server, systemId, timeline: 1, key, kind: 'tail' };
}

/** Copies until it is so. */
async function mirrorUntil(
  condition: () => Promise<boolean>,
  source: ObjectStore = here,
  target: ObjectStore = west,
): Promise<void> {
  const route = {
    ...setting.route,
    source: { name: 'here', store: source },
    target: { name: 'west', store: target },
  };
  const stopping = new AbortController();
  const service = mirrorService(route, setting.mirroring);
  const ended = service.run({ signal: stopping.signal, ready: () => undefined });
  await Promise.race([waitUntil(condition), ended]);
  stopping.abort(new Error('The test has seen it'));
  await ended;
}

async function rowsOfWest(): Promise<number> {
  const rows = await setting.catalog.backups.list('shop');
  return rows.filter(({ store }) => store === 'west').length;
}

async function noFindings(): Promise<boolean> {
  return (await setting.findings()).every((code) => !code.startsWith('MIRROR_'));
}

async function keyIn(part: 'base' | 'wal' | 'tail', name: RegExp): Promise<ObjectKey> {
  const key = (await setting.keys(setting.here, part)).find((one) => name.test(one));
  if (key === undefined || !isObjectKey(key)) throw new Error(`No ${name} in ${part}`);
  return key;
}

async function clusterFolder(): Promise<Parameters<typeof historyKey>[0]> {
  const [row] = await setting.catalog.backups.list('shop');
  const { server } = setting.route;
  const text = (await keyIn('base', /manifest$/)).split('/')[1] ?? '';
  const [major = '', systemId = ''] = text.split('-');
  if (row === undefined) throw new Error('There is a backup');
  return { server, major: Number(major), systemId };
}

async function put(store: ObjectStore, key: ObjectKey, text: string): Promise<void> {
  await store.put(key, Readable.from([Buffer.from(text)]), { signal });
}

async function read(store: ObjectStore, key: ObjectKey): Promise<string> {
  return Buffer.concat(await Array.fromAsync(await store.open(key, { signal }))).toString();
}
