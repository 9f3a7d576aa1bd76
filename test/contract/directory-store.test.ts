import { mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { directoryStore } from '../../src/storage/directory.ts';
import type { ObjectKey } from '../../src/storage/object-store.ts';
import { faultyStore } from '../support/faulty-store.ts';
import { objectKey } from '../support/object-keys.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { objectStoreContract } from './object-store.contract.ts';

const { signal } = new AbortController();
const KEY = objectKey('orders/base/one');
let folder: TemporaryFolder;
let stores = 0;

beforeAll(async () => {
  folder = await temporaryFolder();
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

function freshPath(): string {
  return join(folder.path, `store-${stores++}`);
}

function body(content = 'abc'): Readable {
  return Readable.from([Buffer.from(content)]);
}

objectStoreContract('directoryStore()', async () => directoryStore(freshPath()));
objectStoreContract('faultyStore(directoryStore())', async () =>
  faultyStore(directoryStore(freshPath())),
);

describe('directoryStore()', () => {
  test('keeps objects as files for their owner alone, and nothing else beside them', async () => {
    const path = freshPath();
    await directoryStore(path).put(KEY, body(), { signal });

    const file = await stat(join(path, KEY));

    expect(file.mode & 0o777).toBe(0o600);
    expect((await stat(join(path, 'orders'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(path, '#unfinished'))).toEqual([]);
  });

  test.each(['../x', 'a/../../x', '/etc/passwd', 'a//b', '.', '', '#unfinished/x', 'a\0b'])(
    'refuses the key "%s"',
    async (text) => {
      const store = directoryStore(freshPath());
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the guard would refuse
      const key = text as ObjectKey;

      await expect(store.put(key, body(), { signal })).rejects.toMatchObject({
        kind: { code: 'STORAGE_KEY_INVALID' },
      });
      await expect(store.open(key, { signal })).rejects.toMatchObject({
        kind: { code: 'STORAGE_KEY_INVALID' },
      });
      await expect(store.remove(key, { signal })).rejects.toMatchObject({
        kind: { code: 'STORAGE_KEY_INVALID' },
      });
    },
  );

  test('follows no link out of its folder, neither writing nor reading nor removing', async () => {
    const path = freshPath();
    const outside = freshPath();
    await mkdir(path);
    await mkdir(join(outside, 'base'), { recursive: true });
    await writeFile(join(outside, 'base/one'), 'precious');
    await symlink(outside, join(path, 'orders'));
    await symlink(join(outside, 'base/one'), join(path, 'two'));
    const store = directoryStore(path);

    await expect(store.put(objectKey('orders/new'), body(), { signal })).rejects.toMatchObject({
      kind: { code: 'STORAGE_WRITE_REFUSED' },
    });
    await expect(store.put(objectKey('two'), body(), { signal })).rejects.toMatchObject({
      kind: { code: 'STORAGE_WRITE_REFUSED' },
    });
    expect(await store.stat(KEY, { signal })).toBeUndefined();
    expect(await store.stat(objectKey('two'), { signal })).toBeUndefined();
    await store.remove(KEY, { signal });
    await store.remove(objectKey('two'), { signal });

    expect(await Array.fromAsync(store.list('', { signal }))).toEqual([]);
    expect(await readFile(join(outside, 'base/one'), 'utf8')).toBe('precious');
    expect(await readdir(outside)).toEqual(['base']);
  });

  test('sweeps what a dead writer left, once it is old enough', async () => {
    const path = freshPath();
    const store = directoryStore(path);
    await store.put(KEY, body(), { signal });
    const left = join(path, '#unfinished/0123');
    await writeFile(left, 'half of an object');
    await utimes(left, 1_000_000, 1_000_000);
    await writeFile(join(path, '#unfinished/4567'), 'being written');

    expect(await store.sweep({ signal, olderThanMs: 3_600_000 })).toBe(1);

    expect(await readdir(join(path, '#unfinished'))).toEqual(['4567']);
  });

  test('tells a folder that went away from an empty one', async () => {
    const path = freshPath();
    const store = directoryStore(path);
    await store.put(KEY, body(), { signal });
    await rm(path, { recursive: true });

    const calls = await Promise.allSettled([
      store.put(KEY, body(), { signal }),
      store.open(KEY, { signal }),
      store.stat(KEY, { signal }),
      Array.fromAsync(store.list('', { signal })),
    ]);

    expect(calls).toMatchObject(
      calls.map(() => ({ status: 'rejected', reason: { kind: { code: 'STORAGE_UNREACHABLE' } } })),
    );
  });

  test('makes no folder for who only reads, because a disk may be mounted there later', async () => {
    const path = freshPath();
    const store = directoryStore(path);

    expect(await Array.fromAsync(store.list('', { signal }))).toEqual([]);
    expect(await Array.fromAsync(store.census({ signal }))).toEqual([]);
    expect(await store.stat(KEY, { signal })).toBeUndefined();
    await expect(store.open(KEY, { signal })).rejects.toMatchObject({
      kind: { code: 'STORAGE_OBJECT_MISSING' },
    });
    await store.remove(KEY, { signal });
    expect(await store.sweep({ signal, olderThanMs: 0 })).toBe(0);

    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
    await store.put(KEY, body(), { signal });
    expect(await Array.fromAsync(store.list('', { signal }))).toHaveLength(1);
  });

  test.each([true, false])(
    'neither reads nor writes where an unmounted disk should be (its folder is there: %s)',
    async (isThere) => {
      const path = freshPath();
      if (isThere) await mkdir(path);
      const store = directoryStore(path, { wasUsed: async () => true });

      const calls = await Promise.allSettled([
        store.put(KEY, body(), { signal }),
        store.open(KEY, { signal }),
        store.stat(KEY, { signal }),
        store.remove(KEY, { signal }),
        store.sweep({ signal, olderThanMs: 0 }),
        Array.fromAsync(store.list('', { signal })),
        Array.fromAsync(store.census({ signal })),
      ]);

      const reason = { kind: { code: 'STORAGE_UNREACHABLE' } };
      expect(calls).toMatchObject(calls.map(() => ({ status: 'rejected', reason })));
      expect(isThere ? await readdir(path) : []).toEqual([]);
      // Mounted again, or begun anew on purpose.
      await mkdir(join(path, '#unfinished'), { recursive: true });
      expect(await store.put(KEY, body(), { signal })).toMatchObject({ outcome: 'written' });
    },
  );

  test('goes on when somebody has tidied up its unfinished files', async () => {
    const path = freshPath();
    const store = directoryStore(path);
    await store.put(KEY, body(), { signal });
    await rm(join(path, '#unfinished'), { recursive: true });

    expect(await store.sweep({ signal, olderThanMs: 0 })).toBe(0);
    await store.put(objectKey('orders/base/two'), body(), { signal });

    expect(await Array.fromAsync(store.list('', { signal }))).toHaveLength(2);
  });

  test('cannot be where a file is', async () => {
    const path = freshPath();
    await writeFile(path, '');

    await expect(
      directoryStore(join(path, 'store')).put(KEY, body(), { signal }),
    ).rejects.toMatchObject({ kind: { code: 'STORAGE_UNREACHABLE' } });
  });
});
