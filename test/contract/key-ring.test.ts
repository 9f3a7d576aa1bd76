import { chmod, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';
import { fileKeeper } from '../../src/encryption/file-keeper.ts';
import { createKeyFile, openFileKeyRing } from '../../src/encryption/file-key-ring.ts';
import { openLivingRing } from '../../src/encryption/living-ring.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const { signal } = new AbortController();
const OPTIONS = { signal };
const IDENTITY = { systemId: '1', name: 'x' };

describe('a key file', () => {
  test('is made for its owner alone, and its ring unwraps what it wrapped', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'keyring.json');

    await createKeyFile(path);
    const ring = await openFileKeyRing(path);
    const again = await openFileKeyRing(path);

    const dataKey = Buffer.alloc(32, 5);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(again.unwrap(ring.wrap(dataKey, IDENTITY), IDENTITY)).toEqual(dataKey);
    expect(ring.wrap(dataKey, IDENTITY).wrapped).not.toBe(ring.wrap(dataKey, IDENTITY).wrapped);
  });

  test('is never overwritten', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'keyring.json');
    await createKeyFile(path);
    const before = await readFile(path, 'utf8');

    await expect(createKeyFile(path)).rejects.toMatchObject({ kind: { code: 'KEY_FILE_EXISTS' } });

    expect(await readFile(path, 'utf8')).toBe(before);
  });

  test('is refused when others may read it, with the command that mends it', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'keyring.json');
    await createKeyFile(path);
    await chmod(path, 0o640);

    const hint: unknown = expect.stringContaining(`chmod 600 ${path}`);
    await expect(openFileKeyRing(path)).rejects.toMatchObject({
      kind: { code: 'KEY_FILE_MODE' },
      hint,
    });
  });

  test('that is missing is told as missing, with the way to make one', async () => {
    await using folder = await temporaryFolder();

    const hint: unknown = expect.stringContaining('keys create');
    await expect(openFileKeyRing(join(folder.path, 'none.json'))).rejects.toMatchObject({
      kind: { code: 'KEY_FILE_MISSING' },
      hint,
    });
  });

  test.each([
    ['is not JSON', '{"version": 1, "keys": [{"key": "c2VjcmV0"'],
    ['has a short key', key('c2VjcmV0')],
    ['has no key', '{"version":1,"keys":[]}'],
    ['is of a later version', '{"version":2,"keys":[]}'],
  ])('that %s is refused without showing a key', async (_why, content) => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'keyring.json');
    await writeFile(path, content, { mode: 0o600 });

    const opening = openFileKeyRing(path);

    await expect(opening).rejects.toMatchObject({ kind: { code: 'KEY_UNREADABLE' } });
    await expect(opening).rejects.not.toThrow(/c2VjcmV0/);
  });
});

describe('a rotation of a key file', () => {
  test('adds a key that is current from then on; the old one reads what it wrapped', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'keyring.json');
    const keeper = fileKeeper(path, { clock: systemClock });
    const { keyId: first } = await keeper.create(OPTIONS);
    const old = (await openFileKeyRing(path)).wrap(Buffer.alloc(32, 5), IDENTITY);

    const made = await keeper.rotate(OPTIONS);

    const ring = await openFileKeyRing(path);
    expect(made).toEqual({ keyId: ring.currentKeyId, previousKeyId: first, places: [path] });
    expect(ring.keyIds).toEqual([first, made.keyId]);
    expect(ring.unwrap(old, IDENTITY)).toEqual(Buffer.alloc(32, 5));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder.path)).toEqual(['keyring.json']);
  });

  test('is used by a ring that is open, also for what it met with a key it did not know', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'keyring.json');
    const keeper = fileKeeper(path, { clock: systemClock });
    await keeper.create(OPTIONS);
    const clock = fakeClock();
    const ring = await openLivingRing(keeper, { clock, signal });
    const { keyId } = await fileKeeper(path, { clock: systemClock }).rotate(OPTIONS);

    await ring.refresh(OPTIONS);
    expect(ring.currentKeyId).not.toBe(keyId); // It was read a moment ago.
    await clock.advance(5000);
    await ring.refresh(OPTIONS);

    expect(ring.currentKeyId).toBe(keyId);
  });

  test('follows a link to the file, and takes away what a killed one left', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'keyring.json');
    const link = join(folder.path, 'link.json');
    await createKeyFile(path);
    await symlink(path, link);
    await writeFile(join(folder.path, '.keyring.json.00c0ffee.new'), 'keys', { mode: 0o600 });
    // Of a process that is gone: no system gives such a number.
    await writeFile(`${path}.lock`, JSON.stringify({ host: hostname(), pid: 2 ** 30, token: 'x' }));

    await fileKeeper(link, { clock: systemClock }).rotate(OPTIONS);

    expect((await openFileKeyRing(path)).keyIds).toHaveLength(2);
    expect((await readdir(folder.path)).toSorted()).toEqual(['keyring.json', 'link.json']);
  });

  test('waits for nobody: while another process changes the file it is refused', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'keyring.json');
    await createKeyFile(path);
    const before = await readFile(path, 'utf8');
    const other = { host: hostname(), pid: process.pid, token: 'x' };
    await writeFile(`${path}.lock`, JSON.stringify(other));

    const rotating = fileKeeper(path, { clock: systemClock }).rotate(OPTIONS);

    const message: unknown = expect.stringContaining(String(process.pid));
    await expect(rotating).rejects.toMatchObject({ kind: { code: 'KEY_FILE_LOCKED' }, message });
    expect(await readFile(path, 'utf8')).toBe(before);
  });

  test('at once from many sides loses no key', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'keyring.json');
    await createKeyFile(path);
    const rotations = Array.from({ length: 8 }, async () =>
      fileKeeper(path, { clock: systemClock }).rotate(OPTIONS),
    );

    const ended = await Promise.allSettled(rotations);

    const made = ended.flatMap((end) => (end.status === 'fulfilled' ? [end.value.keyId] : []));
    const { keyIds } = await openFileKeyRing(path);
    expect(made.length).toBeGreaterThan(0);
    expect(keyIds.slice(1).toSorted()).toEqual(made.toSorted());
    expect(await readdir(folder.path)).toEqual(['keyring.json']);
  });

  test('of a file that others may read is refused', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'keyring.json');
    await createKeyFile(path);
    await chmod(path, 0o644);

    await expect(fileKeeper(path, { clock: systemClock }).rotate(OPTIONS)).rejects.toMatchObject({
      kind: { code: 'KEY_FILE_MODE' },
    });
  });
});

function key(base64: string): string {
  return JSON.stringify({
    version: 1,
    keys: [{ keyId: 'k1', key: base64, createdAt: '2026-11-22T01:00:00.000000Z' }],
  });
}
