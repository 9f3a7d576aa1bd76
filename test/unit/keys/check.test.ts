import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { keyRing } from '../../../src/encryption/file-key-ring.ts';
import type { Generations } from '../../../src/encryption/generations.ts';
import type { KeyDanger, KeyKeeper } from '../../../src/encryption/key-keeper.ts';
import type { KeyRing } from '../../../src/encryption/key-ring.ts';
import { encryptObject } from '../../../src/encryption/object.ts';
import { KEY_UNREACHABLE } from '../../../src/encryption/problems.ts';
import { isServerName } from '../../../src/kernel/ids.ts';
import { silentLog } from '../../../src/kernel/log.ts';
import { Problem } from '../../../src/kernel/problem.ts';
import { checkKeys } from '../../../src/keys/check.ts';
import type { KeysDeps } from '../../../src/keys/deps.ts';
import { findingsOf } from '../../../src/keys/judge.ts';
import { memoryStore } from '../../../src/storage/memory.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { STORE_UNREACHABLE } from '../../../src/storage/problems.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import { objectKey } from '../../support/object-keys.ts';

const { signal } = new AbortController();
const SERVER = 'shop';
if (!isServerName(SERVER)) throw new TypeError(SERVER);
const FOLDER = `${SERVER}/15-7341`;
const KEYS = new Map(['k1', 'k2', 'k3'].map((keyId) => [keyId, randomBytes(32)]));
const BACKUP = `${FOLDER}/base/20261122T010000Z`;
const SINCE = '2026-11-22T14:46:00.000000Z';

/** What a place holds, oldest first. */
function generations(...keyIds: readonly string[]): Generations {
  const keys = new Map(keyIds.map((keyId) => [keyId, keyOf(keyId)]));
  return { order: keyIds, keys, unreadable: new Map(), warnings: [] };
}

function keyOf(keyId: string): Buffer {
  return KEYS.get(keyId) ?? Buffer.alloc(32);
}

function ringOfOnly(keyId: string): KeyRing {
  return keyRing(new Map([[keyId, keyOf(keyId)]]));
}

interface PlaceSetting {
  readonly name: string;
  /** A problem: it does not answer. */
  readonly holds: Generations | Problem;
  readonly dangers?: readonly KeyDanger[];
}

function depsOf(
  places: readonly PlaceSetting[],
  stores: readonly { readonly name: string; readonly store: ObjectStore }[],
): KeysDeps {
  const keeper: KeyKeeper = {
    description: 'a test',
    escrow: 'Keep it.',
    refreshEveryMs: 1000,
    places: places.map(({ name, holds, dangers = [] }) => ({
      name,
      async look() {
        if (holds instanceof Problem) throw holds;
        return { generations: holds, dangers };
      },
    })),
    load: unused,
    create: unused,
    rotate: unused,
  };
  const catalog = { findings: { open: unused, close: unused, list: unused } };
  return {
    keeper,
    ring: ringOfOnly('k1'),
    servers: [SERVER].filter(isServerName),
    storesOf: () => stores,
    catalog,
    clock: fakeClock(),
    log: silentLog,
  };
}

function unused(): never {
  throw new Error('A check does not do that');
}

async function put(store: ObjectStore, name: string, keyId: string): Promise<void> {
  const key = objectKey(name);
  const identity = { systemId: '7341', name };
  const sealed = encryptObject([Buffer.from(name)], { ring: ringOfOnly(keyId), identity });
  await store.put(key, Readable.from(sealed), { signal });
}

/** One backup of `k1`, WAL of `k1` and then `k2`. */
async function filled(): Promise<ObjectStore> {
  const store = memoryStore();
  await put(store, `${BACKUP}/pack-0001`, 'k1');
  await put(store, `${BACKUP}/pack-0002`, 'k1');
  await put(store, `${BACKUP}/manifest`, 'k1');
  await put(store, `${FOLDER}/hold/20261122T010000Z/20261123T010000Z-abcdef`, 'k2');
  // Nobody needs what did not end.
  await put(store, `${FOLDER}/base/20261123T010000Z/pack-0001`, 'k9');
  for (let number = 0; number < 6; number += 1)
    await put(store, walName(number), number < 4 ? 'k1' : 'k2');
  return store;
}

function walName(number: number): string {
  const segment = `00000001000000000000000${number}`;
  return `${FOLDER}/wal/00000001/${segment}-${'0'.repeat(32)}`;
}

const ALL = generations('k1', 'k2', 'k3');

async function check(
  places: readonly PlaceSetting[],
  store: ObjectStore,
): Promise<Awaited<ReturnType<typeof checkKeys>>> {
  return await checkKeys(depsOf(places, [{ name: 'here', store }]), { signal });
}

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
    const wrong = { ...ALL, keys: new Map([...ALL.keys, ['k2', randomBytes(32)] as const]) };

    const report = await check([{ name: 'file', holds: wrong }], await filled());

    expect(report.verdict).toBe('FAIL');
    expect(new Set(report.issues.map(({ code }) => code))).toEqual(new Set(['KEY_PROOF_FAILED']));
  });

  test('fails when one region lacks a key that another one has', async () => {
    const places = [
      { name: 'us-east-1', holds: ALL },
      { name: 'us-west-2', holds: generations('k1', 'k3') },
    ];

    const report = await check(places, await filled());

    expect(report).toMatchObject({ verdict: 'FAIL' });
    expect(report.issues).toMatchObject([{ code: 'KEY_COPY_MISSING', keyId: 'k2' }]);
    expect(report.keys[1]?.places).toMatchObject([{ readable: true }, { readable: false }]);
  });

  test('fails when two regions hold different keys under one name', async () => {
    const other = { ...ALL, keys: new Map([...ALL.keys, ['k2', randomBytes(32)] as const]) };
    const places = [
      { name: 'us-east-1', holds: ALL },
      { name: 'us-west-2', holds: other },
    ];

    const report = await check(places, await filled());

    expect(report.issues).toMatchObject([{ code: 'KEY_COPY_MISSING', keyId: 'k2' }]);
    expect(report.keys[1]?.places[1]).toMatchObject({ readable: false, code: 'KEY_DIFFERS' });
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

describe('findingsOf()', () => {
  test('says one sentence for each code, of this server and of all', async () => {
    const { issues } = await check([{ name: 'file', holds: generations('k3') }], await filled());

    const findings = findingsOf({ issues, server: SERVER, since: SINCE });

    expect(findings).toMatchObject([{ code: 'KEY_MISSING', severity: 'page', server: SERVER }]);
    expect(findings[0]?.summary).toContain('and 1 more');
    expect(findingsOf({ issues, server: 'other', since: SINCE })).toEqual([]);
  });
});
