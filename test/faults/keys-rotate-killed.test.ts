/** A rotation of the key file that is killed wherever it stands: no key is ever lost. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { fileKeeper } from '../../src/encryption/file-keeper.ts';
import { createKeyFile, openFileKeyRing } from '../../src/encryption/file-key-ring.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { waitUntil } from '../support/wait-until.ts';

const CHILD = join(import.meta.dirname, '../support/keys-child.ts');
const KILLS = 12;
const { signal } = new AbortController();

test(`killed ${KILLS} times at any moment, the file holds every key that was ever told of`, async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'keyring.json');
  await createKeyFile(path);
  let known = (await openFileKeyRing(path)).keyIds;

  for (let kill = 0; kill < KILLS; kill += 1) {
    const child = spawn(process.execPath, [CHILD, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'close');
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    // It has begun to rotate; then another part of a rotation each time.
    await waitUntil(() => said !== '');
    await delay(kill * 0.7);
    child.kill('SIGKILL');
    await ended;

    const { keyIds } = await openFileKeyRing(path);
    const told = said.split('\n').slice(0, -1);
    expect(keyIds.slice(0, known.length)).toEqual(known);
    expect(told.filter((keyId) => !keyIds.includes(keyId))).toEqual([]);
    known = keyIds;
  }

  await fileKeeper(path, { clock: systemClock }).rotate({ signal });

  expect((await openFileKeyRing(path)).keyIds).toHaveLength(known.length + 1);
  expect(await readdir(folder.path)).toEqual(['keyring.json']);
});
