import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { createKeyFile, openFileKeyRing } from '../../src/encryption/file-key-ring.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

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

function key(base64: string): string {
  return JSON.stringify({
    version: 1,
    keys: [{ keyId: 'k1', key: base64, createdAt: '2026-11-22T01:00:00.000000Z' }],
  });
}
