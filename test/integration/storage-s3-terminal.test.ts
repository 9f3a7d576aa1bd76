/** A bucket as a user has it: named in the config, backed up to and proved from at a terminal. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { DeleteObjectCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { ask } from '../support/bad-input-shop.ts';
import { makeWriter, WRITER } from '../support/bucket-writer.ts';
import { runCommand, writeTestConfig } from '../support/command-line.ts';
import { type SeenRequest, startFaultProxy } from '../support/fault-proxy.ts';
import { objectKey } from '../support/object-keys.ts';
import { type AwsPeer, needs, peerLacks, startVersitygw } from '../support/peers.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { makeBucket, peerClient, peerSettings, peerStore } from '../support/s3-peers.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const BUCKET = 'backups';
const { signal } = new AbortController();

const Retention = z.object({
  keep: z.array(z.object({ backupId: z.string(), reasons: z.array(z.string()) })),
  remove: z.array(z.unknown()),
  notApplied: z.array(z.unknown()),
  lockedObjects: z.number(),
});

describe.skipIf(peerLacks('versitygw') !== undefined)(
  `a bucket at the terminal${needs('versitygw')}`,
  () => {
    let server: AwsPeer;
    let postgres: TestPostgres;

    beforeAll(async () => {
      [server, postgres] = await Promise.all([startVersitygw(), startPostgres()]);
      await makeBucket(server, { name: BUCKET, locks: true });
      await makeWriter(server, BUCKET);
      await postgres.query('CREATE TABLE orders AS SELECT generate_series(1, 1000) AS id');
    });
    afterAll(async () => {
      await postgres[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    });

    /** A config whose store is the bucket; `more` are further words of its section. */
    async function install(
      cwd: string,
      { prefix, endpoint = server.endpoint, more = '', rules = '' }: Installation,
    ): Promise<void> {
      await writeTestConfig(cwd, { url: postgres.url() });
      const file = join(cwd, 'dbdr.yaml');
      const bucket = `{ kind: s3, bucket: ${BUCKET}, prefix: ${prefix}, region: ${server.region},
    endpoint: "${endpoint}", force_path_style: true${more} }`;
      const config = (await readFile(file, 'utf8'))
        .replace(/\{ kind: directory[^}]*\}/, bucket)
        .replace('stores: [here],', `stores: [here],${rules}`);
      await writeFile(file, config);
    }

    async function keysBelow(prefix: string): Promise<readonly string[]> {
      const store = peerStore(peerSettings(server, { bucket: BUCKET, prefix }));
      const items = await Array.fromAsync(store.census({ signal }));
      expect(items.filter(({ state }) => state !== 'current')).toEqual([]);
      return items.map(({ key }) => key);
    }

    /** What the server itself says of each object. */
    async function locksBelow(
      prefix: string,
    ): Promise<ReadonlyMap<string, Temporal.Instant | undefined>> {
      const objectLock = { mode: 'compliance' } as const;
      const settings = peerSettings(server, { bucket: BUCKET, prefix, objectLock });
      const store = peerStore(settings);
      const until = new Map<string, Temporal.Instant | undefined>();
      for (const key of (await keysBelow(prefix)).map(objectKey))
        until.set(key, await store.locks?.retainedUntil(key, { signal }));
      return until;
    }

    /** As the owner of the server, beside everything of ours. */
    async function removeVersionOf(key: string): Promise<void> {
      const client = peerClient(server);
      const Prefix = `locked/${key}`;
      const { Versions = [] } = await client.send(
        new ListObjectVersionsCommand({ Bucket: BUCKET, Prefix }),
      );
      expect(Versions).toHaveLength(1);
      const VersionId = Versions[0]?.VersionId;
      await client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: Prefix, VersionId }));
    }

    test('what was backed up to it as whom the environment names is restored from it and proved', async () => {
      await using folder = await temporaryFolder();
      const cwd = folder.path;
      await install(cwd, { prefix: 'prod/dbdr' });
      const environment = {
        AWS_ACCESS_KEY_ID: server.accessKeyId,
        AWS_SECRET_ACCESS_KEY: server.secretAccessKey,
      };

      const backup = await runCommand(['backup'], { cwd, environment });
      const proof = await runCommand(['verify', '--json'], { cwd, environment });
      const other = { ...environment, AWS_SECRET_ACCESS_KEY: 'another' };
      const refused = await ask('backup', cwd, other);

      expect([backup.exitCode, backup.stderr]).toEqual([0, backup.stderr]);
      expect([proof.exitCode, proof.stdout]).toEqual([0, expect.stringContaining('"PASS"')]);
      expect(refused.told).toMatch(/^STORAGE_CREDENTIALS_REFUSED/);
      const keys = await keysBelow('prod/dbdr');
      expect(keys.filter((key) => key.endsWith('/manifest'))).toHaveLength(1);
    });

    test('with Object Lock nobody removes a backup or log before its time, and only the deleter removes', async () => {
      await using folder = await temporaryFolder();
      await using proxy = await startFaultProxy(server.endpoint);
      const cwd = folder.path;
      const more = `, object_lock: { mode: compliance }, encryption: { kind: aes256 },
    credentials: ${inYaml(WRITER)}, deleter: ${inYaml(server)}`;
      const rules = ' retention: { daily: 1, weekly: 0, monthly: 0, pitr: PT1S },';
      await install(cwd, { prefix: 'locked', endpoint: proxy.endpoint, more, rules });

      const begun = Temporal.Now.instant();
      await done('backup', cwd);
      await done('backup', cwd);
      await done('verify', cwd);
      await done('backup', cwd);
      const applied = await done('retention --apply --yes --reason test', cwd);

      const until = await locksBelow('locked');
      function of(wanted: RegExp): readonly (Temporal.Instant | undefined)[] {
        return [...until].filter(([key]) => wanted.test(key)).map(([, at]) => at);
      }
      const manifests = of(/\/manifest$/);
      const packs = of(/\/base\/[^/]+\/pack-/);
      const segments = of(/\/wal\//);
      const tails = of(/\/tail\//);
      expect(manifests).toHaveLength(3);
      expect(packs.length).toBeGreaterThanOrEqual(3);
      expect(segments.length).toBeGreaterThanOrEqual(2);
      // A day for the daily one and one more; the log two beyond its second.
      for (const at of [...packs, ...manifests, ...segments])
        expect(hoursFrom(begun, at)).toBeCloseTo(48, -1);
      expect(tails).toEqual(tails.map(() => undefined));
      expect(tails.length).toBeGreaterThanOrEqual(1);

      const { keep, remove, notApplied, lockedObjects } = Retention.parse(applied.json);
      expect([remove, notApplied, lockedObjects]).toEqual([[], [], 1]);
      expect(keep.at(-1)?.reasons).toEqual([
        expect.stringMatching(/^locked until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC in here$/),
      ]);
      const manifest = [...until.keys()].find((key) => key.endsWith('/manifest')) ?? '';
      await expect(removeVersionOf(manifest)).rejects.toThrow(/locked|denied/i);

      const written = proxy.seen.filter(({ method }) => method === 'PUT' || method === 'POST');
      expect(new Set(written.map(signerOf))).toEqual(new Set([WRITER.accessKeyId]));
      expect(new Set(written.map(encryptionOf))).toEqual(new Set(['AES256']));
      const removed = proxy.seen.filter(({ method }) => method === 'DELETE');
      expect(new Set(removed.map(signerOf))).toEqual(new Set([server.accessKeyId]));
    });
  },
);

interface Installation {
  readonly prefix: string;
  readonly endpoint?: string;
  readonly more?: string;
  /** Of the server's section. */
  readonly rules?: string;
}

function inYaml({ accessKeyId, secretAccessKey }: typeof WRITER): string {
  return `{ access_key_id: ${accessKeyId}, secret_access_key: ${secretAccessKey} }`;
}

async function done(words: string, cwd: string): Promise<{ readonly json: unknown }> {
  const told = await ask(words, cwd);
  expect([told.told, told.exitCode]).toEqual([': \n', 0]);
  return told;
}

/** Whose key a request was signed with. */
function signerOf({ headers }: SeenRequest): string {
  return /Credential=([^/]+)\//.exec(headers.authorization ?? '')?.[1] ?? '';
}

function encryptionOf({ headers }: SeenRequest): unknown {
  return headers['x-amz-server-side-encryption'];
}

function hoursFrom(begun: Temporal.Instant, until: Temporal.Instant | undefined): number {
  return until === undefined ? 0 : begun.until(until).total('hours');
}
