/** A secret in AWS Secrets Manager that is no key: nothing is written with it, and it is never shown. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ask } from '../support/bad-input-shop.ts';
import { type AwsPeer, needs, peerLacks, startMoto } from '../support/peers.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const REGION = 'us-east-1';
/** No region has a key that can be used. */
const MISSING = expect.objectContaining({ code: 'KEY_MISSING', severity: 'page' }) as unknown;
const ENVIRONMENT = { AWS_ACCESS_KEY_ID: 'testing', AWS_SECRET_ACCESS_KEY: 'testing' };

describe.skipIf(peerLacks('python') !== undefined)(`a secret${needs('python')}`, () => {
  let moto: AwsPeer;
  let postgres: TestPostgres;

  beforeAll(async () => {
    moto = await startMoto();
    postgres = await startPostgres();
  });

  afterAll(async () => {
    await postgres[Symbol.asyncDispose]();
    await moto[Symbol.asyncDispose]();
  });

  test.each([
    ['of 16 bytes', 16, /its key has 16 bytes and should have 32/],
    ['of 33 bytes', 33, /its key has 33 bytes and should have 32/],
  ])('%s is refused, named by its place only, and backs nothing up', async (_name, bytes, why) => {
    await using folder = await temporaryFolder();
    const cwd = folder.path;
    const name = `dbdr/key-of-${bytes}`;
    await writeFile(join(cwd, 'dbdr.yaml'), configOf(name));
    const short = Buffer.alloc(bytes, 7).toString('base64');
    const at = '2026-11-22T01:00:00Z';
    const key = { version: 1, keyId: 'k-short', key: short, createdAt: at };
    await makeSecret(`${name}/k-short`, key);
    await makeSecret(`${name}/active`, { version: 1, keys: ['k-short'], next: null });

    const backup = await ask('backup shop', cwd, ENVIRONMENT);
    const checked = await ask('keys check', cwd, ENVIRONMENT);
    const status = await ask('status', cwd, ENVIRONMENT);

    expect(backup.told).toMatch(
      /^KEY_NOT_FOUND: Cannot use the key "k-short": Cannot use the secret "dbdr\/key-of-\d+\/k-short" in us-east-1: /,
    );
    expect(backup.told).toMatch(why);
    expect(backup.told).toContain('\nBring the secret’s value back');
    expect(backup.exitCode).toBe(4);
    expect(checked.exitCode).toBe(1);
    expect(checked.json).toMatchObject({
      keys: [{ keyId: 'k-short', places: [{ readable: false, code: 'KEY_SECRET_INVALID' }] }],
    });
    expect(status.json).toMatchObject({
      servers: [{ findings: expect.arrayContaining([MISSING]) as unknown }],
    });
    expect(status.stdout).toMatch(why);
    expect(`${backup.stdout}${backup.stderr}${checked.stdout}${status.stdout}`).not.toContain(
      short,
    );
    // Only a note of who writes there.
    expect(await readdir(join(cwd, 'store/shop'))).toEqual(['owner']);
  });

  function configOf(name: string): string {
    return `servers:
  shop: { url: "${postgres.url()}", stores: [here], archiving: { tail_seconds: 1 } }
stores: { here: { kind: directory, path: ./store } }
keys: { kind: secrets-manager, name: ${name}, regions: [${REGION}], endpoint: "${moto.endpoint}" }
`;
  }

  async function makeSecret(name: string, value: object): Promise<void> {
    const answer = await fetch(moto.endpoint, {
      method: 'POST',
      headers: {
        'X-Amz-Target': 'secretsmanager.CreateSecret',
        'Content-Type': 'application/x-amz-json-1.1',
        Authorization: `AWS4-HMAC-SHA256 Credential=x/20261124/${REGION}/secretsmanager/aws4_request`,
      },
      body: JSON.stringify({ Name: name, SecretString: JSON.stringify(value) }),
    });
    if (!answer.ok) throw new Error(await answer.text());
  }
});
