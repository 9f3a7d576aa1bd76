/**
 * The stand-alone reader in Python: it restores from a store and a key what our own restore restores,
 * byte for byte, gives PostgreSQL its log, and ends loudly on any damage.
 */
import { cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { createKeyFile } from '../../src/encryption/file-key-ring.ts';
import { startPostgres } from '../support/postgres-cluster.ts';
import {
  contentOf,
  makeRecoverable,
  openReadableStore,
  type ReadableStore,
  SEGMENT_BYTES,
} from '../support/readable-store.ts';
import { type Reader, reader, readerLacks } from '../support/reader.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { waitUntil } from '../support/wait-until.ts';

const LACKS = readerLacks();
/** Stands in the name of what is skipped. */
const WHY = LACKS === undefined ? '' : ` (${LACKS})`;

let shop: ReadableStore;

function path(...parts: readonly string[]): string {
  return join(shop.folder, ...parts);
}

function python(more: { readonly store?: string; readonly key?: string } = {}): Reader {
  return reader({ store: path('store'), key: path('keyring.json'), ...more });
}

beforeAll(async () => {
  shop = await openReadableStore();
});

afterAll(async () => {
  await shop[Symbol.asyncDispose]();
});

describe.skipIf(LACKS !== undefined)(`the reader without dbdr${WHY}`, () => {
  test('lists backups with what their proved plain part says', async () => {
    const { summary, backup } = shop;

    const { exitCode, stdout } = await python()('list');

    expect(exitCode).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    expect(stdout).toContain(`${backup}  began ${summary.beganAt}`);
    expect(stdout).toContain(`${summary.beginLsn} to ${summary.endLsn}`);
  });

  test('proves every byte without writing any', async () => {
    const { summary } = shop;

    const { exitCode, stdout, stderr } = await python()('check', summary.backupId);

    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`${summary.sourceBytes} bytes, all of them proved`);
  });

  test('restores everything exactly as our own restore does', async () => {
    const [ours, theirs] = [path('ours'), path('theirs')];

    const { exitCode, stderr } = await python()('restore', shop.summary.backupId, theirs);

    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(await contentOf(theirs)).toEqual(await contentOf(ours));
    expect(await contentOf(`${theirs}.tablespaces`)).toEqual(
      await contentOf(`${ours}.tablespaces`),
    );
  });

  test('restores a backup that was not compressed exactly as our own restore does', async () => {
    const { plain } = shop;
    const own = python({ store: path('plain-store') });
    const into = path('theirs-plain');

    const checked = await own('check', plain.backupId);
    const { exitCode, stderr } = await own('restore', plain.backupId, into);

    // Frames are there as they are; only their encryption makes it larger.
    expect(plain.storedBytes).toBeGreaterThan(plain.sourceBytes);
    expect(checked.stdout).toContain(`${plain.sourceBytes} bytes, all of them proved`);
    expect([stderr, exitCode]).toEqual(['', 0]);
    expect(await contentOf(into)).toEqual(await contentOf(path('ours-plain')));
  });

  test('gives out the proof point, and says of a backup without one that there is none', async () => {
    const { summary, plain, proofPoint } = shop;

    const told = await python()('proof', summary.backupId);
    const none = await python({ store: path('plain-store') })('proof', plain.backupId);

    // All of a catalogue would be far too long.
    const counts = [{ database: 'shop', table: 1, column: 2, role: 1 }];
    expect(JSON.parse(told.stdout)).toEqual({ ...proofPoint, catalogues: counts });
    expect(summary.proofLsn).toBe(proofPoint.untilLsn);
    expect(none.exitCode).toBe(1);
    expect(none.stderr).toContain('has no proof point');
  });

  test('restores one file, and does not need the frames that it is not in', async () => {
    const { summary, backup, files } = shop;
    const listed = await python()('files', summary.backupId);
    // It lies in one of these packs at most: the other's damage is none of its business.
    const well: string[] = [];
    for (const name of ['pack-0001', 'pack-0002']) {
      const copy = path(`without-${name}`);
      await cp(path('store'), copy, { recursive: true });
      await flip(join(copy, backup, name), 3000);
      const words = ['restore', backup, path(`single-${name}`), files.small];
      const { exitCode } = await python({ store: copy })(...words);
      if (exitCode === 0) well.push(name);
    }

    expect(listed.stdout).toMatch(new RegExp(`^file +\\d+  ${files.small}$`, 'm'));
    expect(well.length).toBeGreaterThan(0);
    for (const name of well)
      expect(await readFile(path(`single-${name}`, files.small))).toEqual(
        await readFile(path('ours', files.small)),
      );
  });

  test('restores a file of several frames, and only that', async () => {
    const { large } = shop.files;
    const into = path('several');

    const told = await python()('restore', shop.summary.backupId, into, large, 'PG_VERSION');

    expect(told).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await readFile(join(into, large))).toEqual(await readFile(path('ours', large)));
    expect((await stat(join(into, large))).size).toBeGreaterThan(3 << 20);
    expect(await readdir(into)).toEqual(['PG_VERSION', 'base']);
  });

  test('takes a key as a secret in AWS Secrets Manager holds it', async () => {
    const own = KeyFile.parse(JSON.parse(await readFile(path('keyring.json'), 'utf8')));
    const [key] = own.keys;
    await writeFile(path('secret.json'), JSON.stringify({ version: 1, ...key }));

    const told = await python({ key: path('secret.json') })('list');

    expect(told).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test("gives out PostgreSQL's own manifest", async () => {
    const { stdout } = await python()('manifest', shop.summary.backupId);

    expect(JSON.parse(stdout)).toMatchObject({ 'PostgreSQL-Backup-Manifest-Version': 1 });
  });

  test('gives PostgreSQL its log, so that a restore without dbdr ends with the last row', async () => {
    const [directory, log] = [path('recovered'), path('log')];
    await mkdir(log);
    await python()('restore', shop.summary.backupId, directory);
    for (const name of [...shop.segments, shop.unfinished])
      expect(await python()('wal', 'shop', name, join(log, name))).toMatchObject({ exitCode: 0 });
    await makeRecoverable(shop, directory, log);

    await using copy = await startPostgres({ dataDirectory: directory });
    await waitUntil(async () => {
      const [row] = await copy.query('SELECT pg_is_in_recovery() AS yes');
      return row?.['yes'] === false;
    });

    const rows = await copy.query('SELECT note FROM orders WHERE id < 0 ORDER BY id DESC');
    expect(rows.map(({ note }) => note)).toEqual(['after', 'in the tail']);
    const sums = "SELECT count(*), md5(string_agg(id || note, ',' ORDER BY id)) AS sum FROM ";
    for (const table of ['orders', 'far'])
      expect(await copy.query(sums + table)).toEqual(await shop.postgres.query(sums + table));
    // Unlogged: empty after a crash, and after a restore.
    expect(await copy.query(`${sums}basket`)).toEqual([{ count: '0', sum: null }]);
  });

  test('tells a WAL file that is not stored from one that cannot be read', async () => {
    const { segments, unfinished, history, postgres } = shop;
    const [segment = ''] = segments;

    const whole = await python()('wal', 'shop', segment, path('whole'));
    const tail = await python()('wal', 'shop', unfinished, path('tail'));
    const lines = await python()('wal', 'shop', history.name, path('history'));
    const absent = await python()('wal', 'shop', '0000000100000000000000FF', path('absent'));
    const elsewhere = python({ store: path('not-mounted') });
    const unmounted = await elsewhere('wal', 'shop', segment, path('absent'));

    expect([whole, tail, lines].map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expect(await readFile(path('whole'))).toEqual(
      await readFile(join(postgres.dataDirectory, 'pg_wal', segment)),
    );
    expect((await stat(path('tail'))).size).toBe(SEGMENT_BYTES);
    expect(await readFile(path('history'), 'utf8')).toBe(history.text);
    expect(absent.stderr).toContain('not stored');
    expect([absent, unmounted].map(({ exitCode }) => exitCode)).toEqual([1, 200]);
    await expect(stat(path('absent'))).rejects.toThrow('ENOENT');
  });
});

interface Case {
  readonly name: string;
  readonly damage: (backup: string) => Promise<void>;
  readonly words?: readonly string[];
  readonly told: RegExp;
}

const CASES: readonly Case[] = [
  {
    name: 'a byte of a pack is flipped',
    damage: async (backup) => flip(join(backup, 'pack-0001'), 5000),
    told: /pack-0001" cannot be trusted: segment 0 of it was changed/,
  },
  {
    name: 'a letter of a wrapped key is another',
    damage: async (backup) => otherLetter(join(backup, 'pack-0001'), 60),
    told: /pack-0001" cannot be trusted: its (data key was wrapped for|wrapped key is damaged)/,
  },
  {
    name: 'a pack was cut',
    damage: async (backup) => {
      const bytes = await readFile(join(backup, 'pack-0001'));
      await writeFile(join(backup, 'pack-0001'), bytes.subarray(0, bytes.length - 20));
    },
    told: /pack-0001" cannot be trusted: it has \d+ bytes instead of \d+/,
  },
  {
    name: 'a pack is empty',
    damage: async (backup) => writeFile(join(backup, 'pack-0001'), ''),
    told: /pack-0001" cannot be trusted: it has 0 bytes instead of \d+/,
  },
  {
    name: 'a pack is missing',
    damage: async (backup) => rm(join(backup, 'pack-0002')),
    told: /pack-0002" cannot be trusted: it is missing/,
  },
  {
    name: "a manifest's plain part was changed",
    damage: async (backup) => {
      const text = await readFile(join(backup, 'manifest'), 'latin1');
      const other = text.replace('"timeline":1', '"timeline":2');
      await writeFile(join(backup, 'manifest'), other, 'latin1');
    },
    told: /manifest" cannot be trusted: its plain part was changed/,
  },
  {
    name: "a backup was moved to another server's name",
    damage: async (backup) => {
      const server = join(backup, '../../..');
      await rename(server, join(server, '../other'));
    },
    told: /other.*manifest" cannot be trusted: its data key was wrapped for another name/,
  },
  {
    name: 'a segment of the log has another name than its own',
    damage: async (backup) => {
      const log = join(backup, '../../wal/00000001');
      const [name = ''] = await readdir(log);
      await rename(join(log, name), join(log, `0000000100000000000000AA${name.slice(24)}`));
    },
    words: ['wal', 'shop', '0000000100000000000000AA', 'never'],
    told: /AA-[0-9a-f]{32}" cannot be trusted: its data key was wrapped for another name/,
  },
];

const KeyFile = z.looseObject({ keys: z.array(z.looseObject({ key: z.string() })) });

describe.skipIf(LACKS !== undefined)(`the reader ends loudly${WHY} when`, () => {
  test.each(CASES)('$name', async ({ damage, words, told }) => {
    await using place = await temporaryFolder();
    const [copy, restored] = [join(place.path, 'store'), join(place.path, 'restored')];
    await cp(path('store'), copy, { recursive: true });
    await damage(join(copy, shop.backup));

    const asked = words ?? ['restore', shop.summary.backupId, restored];
    const { exitCode, stderr } = await python({ store: copy })(...asked);

    expect(stderr).toMatch(told);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(exitCode).toBe(200);
    // Half a restore is nothing that PostgreSQL would start.
    await expect(stat(join(restored, 'global/pg_control'))).rejects.toThrow('ENOENT');
  });

  test('the key is another one, or no key', async () => {
    await createKeyFile(path('other.json'));
    const own = KeyFile.parse(JSON.parse(await readFile(path('keyring.json'), 'utf8')));
    const same = own.keys.map((one) => ({ ...one, key: Buffer.alloc(32).toString('base64') }));
    await writeFile(path('same-id.json'), JSON.stringify({ ...own, keys: same }));
    await writeFile(path('no-key.json'), '{}');

    const told = await Promise.all(
      ['other.json', 'same-id.json', 'no-key.json', 'gone.json'].map(async (key) =>
        python({ key: path(key) })('check', shop.summary.backupId),
      ),
    );

    expect(told.map(({ exitCode }) => exitCode)).toEqual([200, 200, 200, 200]);
    expect(told.map(({ stderr }) => stderr)).toEqual([
      expect.stringMatching(/needs the key k-[0-9a-f]{8}, and the key file holds k-/),
      expect.stringMatching(/its data key was wrapped .* with another key than k-/),
      expect.stringContaining('is not a key file of dbdr'),
      expect.stringContaining('cannot be read: No such file'),
    ]);
  });

  test('there is no such backup or file, and nothing is written over', async () => {
    const into = path('taken');
    await mkdir(join(into, 'base'), { recursive: true });
    const { backupId } = shop.summary;

    const backup = await python()('check', '20200101T000000Z');
    const file = await python()('restore', backupId, into, 'base/0/0');
    const all = await python()('restore', backupId, into);

    expect([backup, file, all].map(({ exitCode }) => exitCode)).toEqual([1, 1, 2]);
    expect(backup.stderr).toContain('There is no backup "20200101T000000Z"');
    expect(file.stderr).toContain('There is no base/0/0 in this backup');
    expect(all.stderr).toContain('is not empty');
    expect(await readdir(into)).toEqual(['base']);
  });
});

/** In base64: what stands there is random, and a flipped bit of it may be no letter at all. */
async function otherLetter(file: string, at: number): Promise<void> {
  const bytes = await readFile(file);
  bytes.write(bytes.toString('latin1', at, at + 1) === 'A' ? 'B' : 'A', at, 'latin1');
  await writeFile(file, bytes);
}

async function flip(file: string, at: number): Promise<void> {
  const bytes = await readFile(file);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 4, at);
  await writeFile(file, bytes);
}
