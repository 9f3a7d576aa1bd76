import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';

import type { KeyDanger } from '../../../src/encryption/key-keeper.ts';
import { KEY_UNREACHABLE } from '../../../src/encryption/problems.ts';
import { Problem } from '../../../src/kernel/problem.ts';
import { checkKeys } from '../../../src/keys/check.ts';
import { memoryStore } from '../../../src/storage/memory.ts';
import { STORE_UNREACHABLE } from '../../../src/storage/problems.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import { objectKey } from '../../support/object-keys.ts';
import {
  ALL,
  BACKUP,
  check,
  depsOf,
  filled,
  generations,
  put,
  SERVER,
  walName,
  withOther,
} from '../../support/stored-keys.ts';

const { signal } = new AbortController();

describe('checkKeys()', () => {
  test('counts what needs each key, and decrypts the oldest and the newest of each kind', async () => {
    const report = await check([{ name: 'file', holds: ALL }], await filled());

    expect(report).toMatchObject({ verdict: 'PASS', currentKeyId: 'k3', issues: [] });
    expect(report.keys.map(({ keyId, objects }) => [keyId, objects])).toEqual([
      ['k1', 7],
      ['k2', 3],
      ['k3', 0],
    ]);
    expect(report.keys[0]).toMatchObject({
      namesWal: true,
      places: [{ place: 'file', readable: true }],
      uses: [
        {
          server: SERVER,
          store: 'here',
          kind: 'backup',
          objects: 3,
          oldest: { object: `${BACKUP}/pack-0001`, proved: true },
          newest: { object: `${BACKUP}/manifest`, proved: true },
        },
        {
          kind: 'wal',
          objects: 4,
          oldest: { object: walName(0), proved: true },
          newest: { object: walName(3), proved: true },
        },
      ],
    });
  });

  test('fails on a key that objects need and no place has', async () => {
    const report = await check([{ name: 'file', holds: generations('k1', 'k3') }], await filled());

    expect(report.verdict).toBe('FAIL');
    expect(report.issues).toMatchObject([
      { code: 'KEY_MISSING', keyId: 'k2', server: SERVER, severity: 'page' },
    ]);
    expect(report.issues[0]?.summary).toContain('3 objects need it');
  });

  test('fails on a key that is another one under the same name', async () => {
    const report = await check([{ name: 'file', holds: withOther('k2') }], await filled());

    expect(report.verdict).toBe('FAIL');
    expect(new Set(report.issues.map(({ code }) => code))).toEqual(new Set(['KEY_PROOF_FAILED']));
  });

  test('pages when one region answers that it lacks a key that another one has', async () => {
    const places = [
      { name: 'us-east-1', holds: ALL },
      { name: 'us-west-2', holds: generations('k1', 'k3') },
    ];

    const report = await check(places, await filled());

    expect(report).toMatchObject({ verdict: 'FAIL' });
    expect(report.issues).toMatchObject([
      { code: 'KEY_COPY_MISSING', keyId: 'k2', severity: 'page' },
    ]);
    expect(report.keys[1]?.places).toMatchObject([{ readable: true }, { readable: false }]);
  });

  test('could not tell while a region is silent, and proves with the other', async () => {
    const silent = new Problem(KEY_UNREACHABLE, 'It is silent');
    const places = [
      { name: 'us-east-1', holds: silent },
      { name: 'us-west-2', holds: ALL },
    ];

    const report = await check(places, await filled());

    expect(report.verdict).toBe('ERROR');
    expect(new Set(report.issues.map(({ code }) => code))).toEqual(new Set(['KEY_UNPROVED']));
    expect(new Set(report.issues.map(({ severity }) => severity))).toEqual(new Set(['warn']));
    expect(report.keys[0]?.uses[0]?.oldest.proved).toBe(true);
    expect(report.keys[0]?.places[0]?.readable).toBeNull();
  });

  test('could not tell while a store does not answer, and looks at the others', async () => {
    const broken = faultyStore(memoryStore());
    broken.failNext('list', new Problem(STORE_UNREACHABLE, 'It is silent'));
    const stores = [
      { name: 'west', store: broken },
      { name: 'here', store: await filled() },
    ];

    const report = await checkKeys(depsOf([{ name: 'file', holds: ALL }], stores), { signal });

    expect(report.verdict).toBe('ERROR');
    expect(report.issues).toMatchObject([{ code: 'KEY_UNPROVED', server: SERVER }]);
    expect(report.keys[0]?.objects).toBe(7);
  });

  test('pages while the deletion of a needed key can be taken back', async () => {
    const danger: KeyDanger = {
      keyId: 'k1',
      kind: 'deletion scheduled',
      summary: 'It is to be deleted',
      hint: 'Take it back.',
      at: Temporal.Instant.from('2026-12-01T00:00:00Z'),
    };
    const places = [
      { name: 'us-east-1', holds: generations('k2', 'k3'), dangers: [danger] },
      { name: 'us-west-2', holds: ALL },
    ];

    const report = await check(places, await filled());

    expect(report.issues).toContainEqual(
      expect.objectContaining({ code: 'KEY_DELETION_SCHEDULED', severity: 'page', keyId: 'k1' }),
    );
    expect(report.keys[0]?.places[0]?.deletedAt).toBe('2026-12-01T00:00:00.000000Z');
  });

  test('does not mind a lost key that nothing needs any more', async () => {
    const store = memoryStore();
    await put(store, walName(1), 'k3');
    const places = [
      { name: 'us-east-1', holds: ALL },
      { name: 'us-west-2', holds: { ...ALL, keys: generations('k1', 'k3').keys } },
    ];

    expect((await check(places, store)).verdict).toBe('PASS');
  });

  test('fails where there is no key at all, whatever is stored', async () => {
    const gone = new Problem({ ...KEY_UNREACHABLE, retry: 'never' }, 'There is no file');

    const report = await check([{ name: 'file', holds: gone }], memoryStore());

    expect(report).toMatchObject({ verdict: 'FAIL', currentKeyId: null });
    expect(report.issues).toMatchObject([{ code: 'KEY_MISSING', server: null }]);
  });

  test('could not tell which key a damaged object needs', async () => {
    const store = await filled();
    await store.put(objectKey(walName(9)), Readable.from([Buffer.alloc(100, 7)]), { signal });

    const report = await check([{ name: 'file', holds: ALL }], store);

    expect(report.verdict).toBe('ERROR');
    expect(report.issues[0]?.summary).toContain(walName(9));
  });
});
