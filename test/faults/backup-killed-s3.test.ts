/** A backup into a bucket whose process dies at a request: what it left is swept, down to the parts. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createKeyFile, openFileKeyRing } from '../../src/encryption/file-key-ring.ts';
import type { KeyRing } from '../../src/encryption/key-ring.ts';
import { streamingEngine } from '../../src/engines/streaming/streaming-engine.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { type BackupId, backupIdAt, isServerName } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import type { ObjectStore, StoredItem } from '../../src/storage/object-store.ts';
import { type FaultProxy, type SeenRequest, startFaultProxy } from '../support/fault-proxy.ts';
import { type AwsPeer, needs, peerLacks, startVersitygw } from '../support/peers.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { makeBucket, peerSettings, peerStore } from '../support/s3-peers.ts';
import { isEnd, isPart } from '../support/s3-requests.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

const SERVER = 'shop';
const BUCKET = 'killed';
const { signal } = new AbortController();

describe.skipIf(peerLacks('versitygw') !== undefined)(`killed${needs('versitygw')}`, () => {
  let postgres: TestPostgres;
  let folder: TemporaryFolder;
  let server: AwsPeer;
  let proxy: FaultProxy;
  let ring: KeyRing;
  let store: ObjectStore;
  let count = 0;

  beforeAll(async () => {
    postgres = await startPostgres();
    // Nothing makes these bytes fewer: a pack is larger than one part.
    await postgres.query(
      'CREATE TABLE orders AS SELECT sha512(i::text::bytea) AS hash FROM generate_series(1, 200000) i',
    );
    folder = await temporaryFolder();
    await createKeyFile(join(folder.path, 'keys'));
    ring = await openFileKeyRing(join(folder.path, 'keys'));
    server = await startVersitygw();
    await makeBucket(server, { name: BUCKET });
    store = peerStore(peerSettings(server, { bucket: BUCKET }));
    proxy = await startFaultProxy(server.endpoint);
  });

  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  function nextId(): BackupId {
    count++;
    return backupIdAt(Temporal.Instant.from('2026-01-01T00:00:00Z').add({ seconds: count }));
  }

  function start(): ChildProcess {
    const place = new URL(`${proxy.endpoint}/${BUCKET}?region=${server.region}`);
    place.username = server.accessKeyId;
    place.password = server.secretAccessKey;
    const script = join(import.meta.dirname, '../support/backup-process.ts');
    const how = [postgres.url(), place.href, join(folder.path, 'keys'), nextId()];
    return spawn(process.execPath, [script, ...how], { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  async function left(): Promise<readonly StoredItem[]> {
    return await Array.fromAsync(store.census({ signal }));
  }

  test.each([
    ['the first part of a pack', isPart],
    ['the end of an upload', isEnd],
    ['the write of its manifest', isManifest],
  ])('a backup killed at %s is none, is swept whole, and the next one is good', async (_, isIt) => {
    if (!isServerName(SERVER)) throw new TypeError(SERVER);
    const engine = streamingEngine({ connectionUrl: () => postgres.url(), clock: systemClock });
    const access = { store, ring, server: SERVER, signal };
    const before = await engine.listBackups(access);
    const whole = (await left()).length;
    const child = start();
    const exited = once(child, 'exit');
    proxy.choose = (asked) => {
      if (!isIt(asked)) return undefined;
      child.kill('SIGKILL');
      return { kind: 'hang' };
    };
    expect(await exited).toEqual([null, 'SIGKILL']);
    expect((await left()).length).toBeGreaterThan(whole);

    expect(await engine.listBackups(access)).toEqual(before);
    await engine.sweepUnfinished({ ...access, olderThanMs: 0, now: systemClock.now() });
    await store.sweep({ signal, olderThanMs: 0 });
    expect((await left()).length).toBe(whole);

    const next = await engine.takeBackup({
      ...access,
      backupId: nextId(),
      log: silentLog,
      onProgress: () => undefined,
    });
    const check = await engine.checkObjects({ store, ring, summary: next, signal, depth: 'all' });
    expect(check.damage).toEqual([]);
  });
});

function isManifest({ method, url }: SeenRequest): boolean {
  return method === 'PUT' && url.includes('manifest');
}
