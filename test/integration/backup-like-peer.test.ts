/**
 * What we restore beside what `pg_basebackup` makes of the same quiet server, file by file: tablespaces,
 * unlogged relations, permissions, links, empty folders, odd names. And `pg_dump` of both sides.
 */
import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';

import { keyRing } from '../../src/encryption/file-key-ring.ts';
import type { BackupSummary, Engine } from '../../src/engines/engine.ts';
import { streamingEngine } from '../../src/engines/streaming/streaming-engine.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { backupIdAt } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import { readTree, type Tree } from '../support/file-tree.ts';
import { testServerName } from '../support/folder-archive.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

const run = promisify(execFile);
const SERVER = testServerName('shop');
const { signal } = new AbortController();
const access = { store: memoryStore(), ring: keyRing(new Map([['k1', Buffer.alloc(32, 4)]])) };
/** As long as a link's target may be. */
const LONG = 'a-tablespace-in-a-folder-with-a-long-name-that-leaves-little-room-in-the-header';
/** They tell of the moment of the one backup or the other. */
const OF_THE_MOMENT = /^(?:backup_label|backup_manifest|tablespace_map|global\/pg_control)$/;

let folder: TemporaryFolder;
let server: TestPostgres;
let engine: Engine;
let seconds = 0;
let summary: BackupSummary;
let restored: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  server = await startServer();
  await fill();
  engine = streamingEngine({ connectionUrl: () => server.url(), clock: systemClock, workers: 2 });
  summary = await take();
  restored = await restore('ours');
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function give(path: string): Promise<string> {
  const { user } = server;
  if (user !== undefined) await chown(path, user.uid, user.gid);
  return path;
}

/** Group access, its log behind a link, its access rules outside of the data directory. */
async function startServer(): Promise<TestPostgres> {
  const rules = join(folder.path, 'pg_hba.conf');
  await writeFile(rules, 'local all all trust\nlocal replication all trust\n');
  await chmod(rules, 0o644);
  await chmod(folder.path, 0o777);
  return await startPostgres({
    initdbArguments: ['-g', `--waldir=${join(folder.path, 'wal')}`],
    settings: { hba_file: rules, autovacuum: 'off', wal_keep_size: '512MB' },
  });
}

async function fill(): Promise<void> {
  for (const name of ['near', LONG]) {
    const place = await server.makeFolder(name);
    await server.query(`CREATE TABLESPACE "${name.slice(0, 11)}" LOCATION '${place}'`);
  }
  await server.query(
    `CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS address FROM generate_series(1, 60000) i;
     CREATE TABLE "odd ""name"", ü" TABLESPACE near AS SELECT * FROM orders LIMIT 900;
     CREATE TABLE parted (id int, note text) PARTITION BY RANGE (id);
     CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (1000) TABLESPACE "a-tablespac";
     INSERT INTO parted SELECT i, md5(i::text) FROM generate_series(1, 900) i;
     CREATE INDEX far ON orders (address) TABLESPACE "a-tablespac";
     CREATE UNLOGGED TABLE scratchpad AS SELECT i AS id FROM generate_series(1, 5000) i;
     CREATE UNLOGGED TABLE far_scratchpad TABLESPACE near AS SELECT 1 AS id;
     CREATE TEMPORARY TABLE passing AS SELECT 1 AS id`,
  );
  await server.query('CREATE DATABASE other TABLESPACE near');
  await server.query('VACUUM FREEZE');
  await server.query('CHECKPOINT');
  const { dataDirectory: data } = server;
  await give(await made(join(data, 'empty folder, ü')));
  await writeFile(join(data, 'odd \'name\' "ü" \\ .txt'), 'odd');
  await writeFile(join(data, 'server.key'), 'secret', { mode: 0o400 });
  for (const name of ['odd \'name\' "ü" \\ .txt', 'server.key']) await give(join(data, name));
  await symlink(join(folder.path, 'elsewhere.conf'), join(data, 'linked.conf'));
}

async function made(path: string): Promise<string> {
  await mkdir(path, { mode: 0o750 });
  return path;
}

async function take(): Promise<BackupSummary> {
  const began = Temporal.Instant.from('2026-01-01T00:00:00Z').add({ seconds: seconds++ });
  return await engine.takeBackup({
    ...access,
    server: SERVER,
    backupId: backupIdAt(began),
    log: silentLog,
    signal,
    onProgress: () => undefined,
  });
}

async function restore(name: string, only?: (path: string) => boolean): Promise<string> {
  const directory = join(folder.path, name);
  const wanted = only === undefined ? {} : { only };
  const more = { summary, directory, signal, onProgress: () => undefined, ...wanted };
  await engine.restoreFiles({ ...access, ...more });
  return directory;
}

/** Of PostgreSQL's clients; the embedded one has none. */
function programOf(context: TestContext, name: string): string {
  const path = server.programs.path(name);
  if (path === undefined) context.skip(`the embedded PostgreSQL has no ${name} to compare with`);
  return path ?? name;
}

/** What it makes of the server now. */
async function peer(program: string): Promise<string> {
  const directory = join(folder.path, 'theirs');
  const rows = await server.query(
    `SELECT pg_tablespace_location(oid) AS place FROM pg_tablespace WHERE oid >= 16384`,
  );
  const maps = rows.map(({ place }, index) => `-T${String(place)}=${directory}-${index}`);
  await run(program, ['-D', directory, '-c', 'fast', '-X', 'none', '-d', server.url(), ...maps]);
  return directory;
}

function withoutMoment(tree: Tree): Tree {
  return new Map([...tree].filter(([path]) => !OF_THE_MOMENT.test(path)));
}

describe('what is restored', () => {
  test('is what `pg_basebackup` makes of the same server, byte for byte and mode for mode', async (context) => {
    const [ours, theirs] = [
      await readTree(restored),
      await readTree(await peer(programOf(context, 'pg_basebackup'))),
    ];

    expect(withoutMoment(ours)).toEqual(withoutMoment(theirs));
    expect([...ours.keys()].toSorted()).toEqual(
      [...theirs.keys()]
        .filter((path) => !/^(?:backup_manifest|tablespace_map)$/.test(path))
        .toSorted(),
    );
    expect(ours.size).toBeGreaterThan(1200);
    expect(ours.get('.')).toBe('folder 750');
    expect(ours.get('server.key')).toMatch(/^file 400 /);
    expect(ours.get('empty folder, ü')).toBe('folder 750');
    expect(ours.has('linked.conf')).toBe(false);
  });

  test('has of unlogged relations only what makes them empty', async () => {
    const [row] = await server.query("SELECT pg_relation_filepath('scratchpad') AS path");
    const path = String(row?.['path']);
    const tree = await readTree(restored);

    expect(tree.has(`${path}_init`)).toBe(true);
    expect(tree.has(path)).toBe(false);
  });

  test('gives the same `pg_dump` of every database once it is started', async (context) => {
    const [ours, theirs] = await dumps(programOf(context, 'pg_dump'));

    expect(ours).toEqual(theirs.map((text) => text.replace(SCRATCHPAD_ROWS, '$1')));
  });

  test('names what belongs to the server and is not in the backup', () => {
    expect(summary.leftOut).toEqual([join(folder.path, 'pg_hba.conf'), 'linked.conf']);
  });

  test('can be one file alone, for which only its own stretches are read', async () => {
    const [row] = await server.query("SELECT pg_relation_filepath('far') AS path");
    const path = String(row?.['path']);

    const directory = await restore('one', (name) => name === path);

    const tree = await readTree(directory);
    expect([...tree.keys()].filter((name) => tree.get(name)?.startsWith('file'))).toEqual([path]);
    expect(tree.get(path)).toBe((await readTree(restored)).get(path));
  });
});

/** They come up empty: the rows of the source are left out of the comparison. */
const SCRATCHPAD_ROWS = /(COPY public\.(?:far_)?scratchpad \(id\) FROM stdin;\n)(?:\d+\n)+/g;

async function dumps(program: string): Promise<[string[], string[]]> {
  const databases = ['postgres', 'other', 'template1'];
  await server.query('SELECT pg_switch_wal()');
  const wal = join(folder.path, 'wal');
  const started = await restore('started');
  await run('cp', ['-r', `${wal}/.`, join(started, 'pg_wal')]);
  if (server.user !== undefined) {
    const owner = `${server.user.uid}:${server.user.gid}`;
    await run('chown', ['-R', '-h', owner, started, `${started}.tablespaces`]);
  }
  await using copy = await startPostgres({ dataDirectory: started });
  const answer: [string[], string[]] = [[], []];
  for (const database of databases) {
    answer[0].push(await dump(program, copy.url(database)));
    answer[1].push(await dump(program, server.url(database)));
  }
  return answer;
}

async function dump(program: string, url: string): Promise<string> {
  const { stdout } = await run(program, ['-d', url], { maxBuffer: 1 << 28 });
  // A word against injection, drawn anew each time.
  return stdout.replaceAll(/^\\(?:un)?restrict .*$/gm, '');
}

test('a file whose name does not fit into an archive is refused with its name', async () => {
  const name = 'x'.repeat(120);
  const path = join(server.dataDirectory, name);
  await writeFile(path, '');
  await give(path);

  await expect(take()).rejects.toThrow(name);

  await rm(path);
});
