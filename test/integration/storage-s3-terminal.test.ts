/** A bucket as a user has it: named in the config, backed up to and proved from at a terminal. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { runCommand, writeTestConfig } from '../support/command-line.ts';
import { type AwsPeer, needs, peerLacks, startVersitygw } from '../support/peers.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { makeBucket, peerSettings, peerStore } from '../support/s3-peers.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const { signal } = new AbortController();

describe.skipIf(peerLacks('versitygw') !== undefined)(
  `a bucket at the terminal${needs('versitygw')}`,
  () => {
    let server: AwsPeer;
    let postgres: TestPostgres;

    beforeAll(async () => {
      [server, postgres] = await Promise.all([startVersitygw(), startPostgres()]);
      await makeBucket(server, { name: 'backups', locks: true });
      await postgres.query('CREATE TABLE orders AS SELECT generate_series(1, 1000) AS id');
    });
    afterAll(async () => {
      await postgres[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    });

    test('what was backed up to it is restored from it and proved', async () => {
      await using folder = await temporaryFolder();
      const cwd = folder.path;
      await writeTestConfig(cwd, { url: postgres.url() });
      const file = join(cwd, 'dbdr.yaml');
      const bucket = `{ kind: s3, bucket: backups, prefix: prod/dbdr, region: ${server.region},
    endpoint: "${server.endpoint}", force_path_style: true, credentials: {
    access_key_id: ${server.accessKeyId}, secret_access_key: ${server.secretAccessKey} } }`;
      const config = (await readFile(file, 'utf8')).replace(/\{ kind: directory[^}]*\}/, bucket);
      await writeFile(file, config);

      const backup = await runCommand(['backup'], { cwd });
      const proof = await runCommand(['verify', '--json'], { cwd });

      expect([backup.exitCode, backup.stderr]).toEqual([0, backup.stderr]);
      expect([proof.exitCode, proof.stdout]).toEqual([0, expect.stringContaining('"PASS"')]);
      const store = peerStore(peerSettings(server, { bucket: 'backups', prefix: 'prod/dbdr' }));
      const items = await Array.fromAsync(store.census({ signal }));
      expect(items.filter(({ state }) => state !== 'current')).toEqual([]);
      expect(items.filter(({ key }) => key.endsWith('/manifest'))).toHaveLength(1);
    });
  },
);
