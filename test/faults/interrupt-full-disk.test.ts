/** The disk of the scratch folder is too small, or is filled by somebody else while a restore writes. */
import { open, readdir, readFile, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ask, leftovers, mountSmallDisk, openShop, type Shop } from '../support/bad-input-shop.ts';
import { startCommand } from '../support/command-line.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { waitUntil } from '../support/wait-until.ts';

const MOUNTABLE = await canMount();
let shop: Shop;

async function canMount(): Promise<boolean> {
  try {
    await using folder = await temporaryFolder();
    using _ = await mountSmallDisk(join(folder.path, 'disk'), '1m');
    return true;
  } catch {
    return false;
  }
}

beforeAll(async () => {
  shop = await openShop();
});

afterAll(async () => {
  await shop[Symbol.asyncDispose]();
});

async function scratchOn(cwd: string, disk: string): Promise<void> {
  const file = join(cwd, 'dbdr.yaml');
  await writeFile(file, `${await readFile(file, 'utf8')}scratch: { path: "${disk}" }\n`);
}

describe.skipIf(!MOUNTABLE)('a restore to a disk', () => {
  test.each(['restore shop', 'verify'])('that is too small never begins: %s', async (words) => {
    await using copy = await shop.copy();
    const disk = join(copy.cwd, 'disk');
    using _ = await mountSmallDisk(disk, '16m');
    await scratchOn(copy.cwd, disk);

    const answer = await ask(words, copy.cwd);

    expect(answer.exitCode).toBe(4);
    expect(answer.stdout).toMatch(
      /Cannot restore into \\".*disk\\": [\d.]+ MB are free and [\d.]+ MB are needed/,
    );
    expect(await readdir(disk)).toEqual([]);
    expect(await leftovers(copy.cwd)).toEqual([]);
  });

  test('that somebody fills meanwhile names the disk, and gives everything back', async () => {
    await using copy = await shop.copy();
    const disk = join(copy.cwd, 'disk');
    using _ = await mountSmallDisk(disk, '600m');
    await scratchOn(copy.cwd, disk);
    const restore = startCommand(['restore', 'shop', '--json'], { cwd: copy.cwd });
    await waitUntil(async () => (await readdir(disk)).length > 0);
    await fill(join(disk, 'hog'));

    const ended = await restore.ended;

    expect(ended.exitCode).toBe(4);
    expect(ended.stdout).toMatch(/"code":"(?:CLUSTER|RESTORE)_DISK_FULL"/);
    expect(ended.stdout).toMatch(/"message":"[^}]*disk/);
    expect(ended.stdout).toMatch(/"hint":"Make room/);
    expect(await readdir(disk)).toEqual(['hog']);
    expect(await leftovers(copy.cwd)).toEqual([]);
    expect((await ask('backups', copy.cwd)).exitCode).toBe(0);
  });
});

/** Takes all that is free, and goes on taking what is given back for a while. */
async function fill(path: string): Promise<void> {
  await using file = await open(path, 'w');
  const block = Buffer.alloc(1 << 20);
  for (;;) {
    const { bavail } = await statfs(path);
    if (bavail === 0) return;
    try {
      await file.write(block);
    } catch {
      return;
    }
  }
}
