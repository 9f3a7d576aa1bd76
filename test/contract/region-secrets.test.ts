/** Secrets of several regions: the client of AWS (against moto) and the double that other tests use. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { RegionSecrets } from '../../src/secrets/secrets-manager.ts';
import { regionSecrets } from '../../src/secrets/secrets-manager.ts';
import { memorySecrets } from '../support/memory-secrets.ts';
import { type AwsPeer, needs, peerLacks, startMoto } from '../support/peers.ts';

const { signal } = new AbortController();
const OPTIONS = { signal };
const [EAST, WEST] = ['us-east-1', 'us-west-2'];

type Open = (region: string) => RegionSecrets;

function regionSecretsContract(open: Open): void {
  function scene(): {
    readonly east: RegionSecrets;
    readonly west: RegionSecrets;
    readonly name: string;
  } {
    return { east: open(EAST), west: open(WEST), name: `dbdr/${randomBytes(4).toString('hex')}/a` };
  }

  test('gives back what was made', async () => {
    const { east, name } = scene();

    expect(await east.create(name, { text: 'one', about: 'x' }, OPTIONS)).toBe('created');

    expect(await east.read(name, OPTIONS)).toMatchObject({ text: 'one', bytes: undefined });
    expect(await east.describe(name, OPTIONS)).toEqual({ deletedAt: undefined, replicas: [] });
  });

  test('leaves what is there when it is made again', async () => {
    const { east, name } = scene();
    await east.create(name, { text: 'one', about: 'x' }, OPTIONS);

    expect(await east.create(name, { text: 'two', about: 'x' }, OPTIONS)).toBe('already there');

    expect((await east.read(name, OPTIONS)).text).toBe('one');
  });

  test('tells what is missing', async () => {
    const { east, name } = scene();

    await expect(east.read(name, OPTIONS)).rejects.toMatchObject({
      kind: { code: 'SECRET_MISSING' },
    });
    expect(await east.describe(name, OPTIONS)).toBeUndefined();
  });

  test('is replaced only by whoever read the last value', async () => {
    const { east, name } = scene();
    await east.create(name, { text: 'one', about: 'x' }, OPTIONS);
    const { versionId } = await east.read(name, OPTIONS);

    await east.replace(name, { text: 'two', instead: versionId }, OPTIONS);
    const late = east.replace(name, { text: 'three', instead: versionId }, OPTIONS);

    await expect(late).rejects.toMatchObject({ kind: { code: 'SECRET_CHANGED', retry: 'now' } });
    expect((await east.read(name, OPTIONS)).text).toBe('two');
  });

  test('is read in the region it was copied to, with its later values', async () => {
    const { east, west, name } = scene();
    await east.create(name, { text: 'one', about: 'x' }, OPTIONS);

    await east.replicate(name, [{ region: WEST }], OPTIONS);
    const { versionId } = await east.read(name, OPTIONS);
    await east.replace(name, { text: 'two', instead: versionId }, OPTIONS);

    expect((await west.read(name, OPTIONS)).text).toBe('two');
    expect((await east.describe(name, OPTIONS))?.replicas).toMatchObject([
      { region: WEST, status: 'InSync' },
    ]);
  });

  test('lists names by how they begin', async () => {
    const { east, name } = scene();
    await east.create(name, { text: 'one', about: 'x' }, OPTIONS);
    await east.create(`${name}b`, { text: 'one', about: 'x' }, OPTIONS);

    expect((await east.names(name, OPTIONS)).toSorted()).toEqual([name, `${name}b`]);
    expect(await east.names(`${name}x`, OPTIONS)).toEqual([]);
  });
}

describe('memorySecrets()', () => {
  const secrets = memorySecrets();
  regionSecretsContract((region) => secrets.region(region));
});

describe.skipIf(peerLacks('python') !== undefined)(`regionSecrets()${needs('python')}`, () => {
  let moto: AwsPeer;

  beforeAll(async () => {
    moto = await startMoto();
    process.env['AWS_ACCESS_KEY_ID'] = moto.accessKeyId;
    process.env['AWS_SECRET_ACCESS_KEY'] = moto.secretAccessKey;
  }, 60_000);
  afterAll(async () => {
    await moto[Symbol.asyncDispose]();
    delete process.env['AWS_ACCESS_KEY_ID'];
    delete process.env['AWS_SECRET_ACCESS_KEY'];
  });

  regionSecretsContract((region) => regionSecrets({ region, endpoint: moto.endpoint }));
});
