/**
 * Keys in AWS Secrets Manager as a person meets them: made, rotated and checked with the program, against
 * moto, with regions that do not answer (a closed port, a server that stays silent).
 */

import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KeyKeeper } from '../../src/encryption/key-keeper.ts';
import type { KeyRing } from '../../src/encryption/key-ring.ts';
import { openLivingRing } from '../../src/encryption/living-ring.ts';
import { encryptObject } from '../../src/encryption/object.ts';
import { secretsKeeper } from '../../src/encryption/secrets-keeper.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { regionSecrets } from '../../src/secrets/secrets-manager.ts';
import { directoryStore } from '../../src/storage/directory.ts';
import { type Ended, runCommand } from '../support/command-line.ts';
import { objectKey } from '../support/object-keys.ts';
import { type AwsPeer, needs, peerLacks, startMoto } from '../support/peers.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const { signal } = new AbortController();
const [EAST, WEST] = ['us-east-1', 'us-west-2'];
/** Nothing listens there. */
const CLOSED = 'http://127.0.0.1:9';

describe.skipIf(peerLacks('python') !== undefined)(`keys in AWS${needs('python')}`, () => {
  let moto: AwsPeer;

  beforeAll(async () => {
    moto = await startMoto();
    process.env['AWS_ACCESS_KEY_ID'] = moto.accessKeyId;
    process.env['AWS_SECRET_ACCESS_KEY'] = moto.secretAccessKey;
  });
  afterAll(async () => {
    await moto[Symbol.asyncDispose]();
    delete process.env['AWS_ACCESS_KEY_ID'];
    delete process.env['AWS_SECRET_ACCESS_KEY'];
  });

  async function dbdr(cwd: string, ...words: readonly string[]): Promise<Ended> {
    const environment = {
      AWS_ACCESS_KEY_ID: moto.accessKeyId,
      AWS_SECRET_ACCESS_KEY: moto.secretAccessKey,
    };
    return await runCommand(words, { cwd, environment });
  }

  function keeperOf(name: string): KeyKeeper {
    const regions = [EAST, WEST].map((region) =>
      regionSecrets({ region, endpoint: moto.endpoint }),
    );
    return secretsKeeper({ name, regions, kmsKeys: {}, clock: systemClock });
  }

  async function ringOf(name: string): Promise<KeyRing> {
    return await openLivingRing(keeperOf(name), { clock: systemClock, signal });
  }

  test('are made, rotated and proved; a lost one is a finding and an exit code', async () => {
    await using folder = await temporaryFolder();
    const [cwd, name] = [folder.path, 'dbdr/whole'];
    await configure(cwd, name, moto.endpoint);

    const made = await dbdr(cwd, 'keys', 'create', '--json');
    const ring = await ringOf(name);
    await putSegment(cwd, ring, 1);
    const rotated = await dbdr(cwd, 'keys', 'rotate', '--json');
    await putSegment(cwd, await ringOf(name), 2);
    const checked = await dbdr(cwd, 'keys', 'check', '--json');
    await loseKey(name, ring.currentKeyId);
    const lost = await dbdr(cwd, 'keys', 'check', '--json');
    const status = await dbdr(cwd, 'status', '--json');

    expect(made.exitCode).toBe(0);
    expect(JSON.parse(made.stdout)).toMatchObject({
      keyId: ring.currentKeyId,
      places: [EAST, WEST],
    });
    expect(rotated.exitCode).toBe(0);
    expect(JSON.parse(rotated.stdout)).toMatchObject({
      verdict: 'PASS',
      previousKeyId: ring.currentKeyId,
    });
    expect(checked.exitCode).toBe(0);
    const readable = [
      { place: EAST, readable: true },
      { place: WEST, readable: true },
    ];
    const proved = { objects: 1, oldest: { proved: true }, newest: { proved: true } };
    expect(JSON.parse(checked.stdout)).toMatchObject({
      verdict: 'PASS',
      keys: [
        { keyId: ring.currentKeyId, isCurrent: false, places: readable, uses: [proved] },
        { isCurrent: true, places: readable, uses: [proved] },
      ],
    });
    expect(lost.exitCode).toBe(1);
    expect(JSON.parse(lost.stdout)).toMatchObject({ verdict: 'FAIL' });
    expect(status.stdout).toContain('KEY_DELETION_SCHEDULED');
    expect(status.stdout).toContain('KEY_MISSING');
    // What the check has told is told until a check finds it over.
    expect(status.stdout).toContain('aws secretsmanager restore-secret');
  });

  /** As somebody would who thinks that an old key is of no use: the copies go at once. */
  async function loseKey(name: string, keyId: string): Promise<void> {
    const body = { SecretId: `${name}/${keyId}` };
    await ask('RemoveRegionsFromReplication', { ...body, RemoveReplicaRegions: [WEST] });
    await ask('DeleteSecret', { ...body, RecoveryWindowInDays: 7 });
  }

  async function ask(action: string, body: object): Promise<void> {
    const answer = await fetch(moto.endpoint, {
      method: 'POST',
      headers: {
        'X-Amz-Target': `secretsmanager.${action}`,
        'Content-Type': 'application/x-amz-json-1.1',
        Authorization: `AWS4-HMAC-SHA256 Credential=x/20261124/${EAST}/secretsmanager/aws4_request`,
      },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(await answer.text());
  }

  test('are read from the second region when the first is down, and the check says so', async () => {
    await using folder = await temporaryFolder();
    const [cwd, name] = [folder.path, 'dbdr/down'];
    await keeperOf(name).create({ signal });
    await putSegment(cwd, await ringOf(name), 1);

    await configure(cwd, name, `{ ${EAST}: "${CLOSED}", ${WEST}: "${moto.endpoint}" }`);
    const checked = await dbdr(cwd, 'keys', 'check', '--json');
    await configure(cwd, name, CLOSED);
    const allDown = await dbdr(cwd, 'backup', 'shop', '--json');

    expect(checked.exitCode).toBe(4);
    expect(JSON.parse(checked.stdout)).toMatchObject({
      verdict: 'ERROR',
      issues: [{ code: 'KEY_UNPROVED' }],
      keys: [
        {
          places: [
            { place: EAST, readable: null, code: 'SECRET_UNREACHABLE' },
            { place: WEST, readable: true },
          ],
          uses: [{ oldest: { proved: true } }],
        },
      ],
    });
    expect(allDown.exitCode).toBe(4);
  });
});

describe('a region that does not answer', () => {
  let silent: Server;
  let endpoint: string;

  beforeAll(async () => {
    // Takes calls and never says a word.
    silent = createServer((socket) => socket.on('error', () => undefined));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    endpoint = `http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`;
    process.env['AWS_ACCESS_KEY_ID'] = 'testing';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'testing';
  });
  afterAll(() => {
    silent.close();
    delete process.env['AWS_ACCESS_KEY_ID'];
    delete process.env['AWS_SECRET_ACCESS_KEY'];
  });

  test('is given up after its limit, as one that may answer later', async () => {
    const region = regionSecrets({ region: EAST, endpoint, limitMs: 300 });
    const began = performance.now();

    await expect(region.read('x', { signal })).rejects.toMatchObject({
      kind: { code: 'SECRET_UNREACHABLE', retry: 'later' },
    });

    expect(performance.now() - began).toBeLessThan(3000);
  });

  test('is given up at once when we are told to stop, with the reason of that', async () => {
    const region = regionSecrets({ region: EAST, endpoint });
    const stop = new AbortController();
    const reading = region.read('x', { signal: stop.signal });

    stop.abort(new Error('Stopped by hand'));

    await expect(reading).rejects.toThrow('Stopped by hand');
  });

  test('behind a closed port is told the same way', async () => {
    const region = regionSecrets({ region: EAST, endpoint: CLOSED });

    await expect(region.read('x', { signal })).rejects.toMatchObject({
      kind: { code: 'SECRET_UNREACHABLE' },
    });
  });
});

async function configure(cwd: string, name: string, endpoint: string): Promise<void> {
  const yaml = `servers:
  shop: { url: "postgres://127.0.0.1:1/shop", stores: [here] }
stores:
  here: { kind: directory, path: ./store }
keys:
  kind: secrets-manager
  name: ${name}
  regions: [${EAST}, ${WEST}]
  endpoint: ${endpoint}
`;
  await writeFile(join(cwd, 'dbdr.yaml'), yaml);
}

async function putSegment(cwd: string, ring: KeyRing, number: number): Promise<void> {
  const name = `shop/15-7341/wal/00000001/00000001000000000000000${number}-${'0'.repeat(32)}`;
  const sealed = encryptObject([Buffer.from(name)], {
    ring,
    identity: { systemId: '7341', name },
  });
  const store = directoryStore(join(cwd, 'store'));
  await store.put(objectKey(name), Readable.from(sealed), { signal });
}
