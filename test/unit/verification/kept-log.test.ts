import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';

import type { FindingRecords } from '../../../src/catalog/records.ts';
import { keyRing } from '../../../src/encryption/file-key-ring.ts';
import { segmentKey } from '../../../src/engines/streaming/wal-format.ts';
import { putWal } from '../../../src/engines/streaming/wal-objects.ts';
import { walStore } from '../../../src/engines/streaming/wal-store.ts';
import type { Json } from '../../../src/kernel/codecs.ts';
import { lsnFromBytes } from '../../../src/kernel/lsn.ts';
import { Problem } from '../../../src/kernel/problem.ts';
import { type SegmentName, segmentNameAt } from '../../../src/kernel/wal-name.ts';
import { memoryStore } from '../../../src/storage/memory.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { STORE_UNREACHABLE } from '../../../src/storage/problems.ts';
import { type Check, openCheckBook } from '../../../src/verification/checks.ts';
import { checkKeptLog } from '../../../src/verification/kept-log.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import { testServerName } from '../../support/folder-archive.ts';
import { testRun } from '../../support/test-run.ts';

const SEGMENT_BYTES = 1 << 20;
const SEGMENTS = 20;
const FOLDER = { server: testServerName('shop'), major: 15, systemId: '73' };
const THURSDAY = Temporal.Instant.from('2026-11-19T03:00:00Z');
const ring = keyRing(new Map([['k1', randomBytes(32)]]));
const { signal } = new AbortController();

test('every day another seventh is read, and a week sees all of it', async () => {
  const store = memoryStore();
  await storeLog(store);

  const days = await week(store);

  expect(days.map(({ verdict }) => verdict)).toEqual(Array.from({ length: 7 }, () => 'PASS'));
  const read = days.map(({ detail }) => Number(/^(\d+) of 20 segments/.exec(detail)?.[1]));
  expect(read.every((segments) => segments === 2 || segments === 3)).toBe(true);
  expect(read.reduce((sum, segments) => sum + segments, 0)).toBe(SEGMENTS);
});

test.each([
  ['one flipped bit', flip, 'is not what was written'],
  ['a cut object', cut, 'Cannot read'],
])('%s between two backups fails one day of the week, by name', async (_, damage, words) => {
  const store = faultyStore(memoryStore());
  await storeLog(store);
  store.damage(new RegExp(nameOf(9)), damage);

  const days = await week(store);

  const failed = days.filter(({ verdict }) => verdict === 'FAIL');
  expect(failed).toHaveLength(1);
  expect(failed[0]?.detail).toContain(nameOf(9));
  expect(failed[0]?.detail).toContain(words);
  expect(failed[0]?.detail).toMatch(/\(\d of 20 segments read, a seventh each day\)$/);
  expect(days.filter(({ verdict }) => verdict === 'PASS')).toHaveLength(6);
});

test('an object of no bytes does not even cover its place', async () => {
  const store = memoryStore();
  const keys = await storeLog(store);
  const cutOff: ObjectStore = {
    ...store,
    description: store.description,
    async *list(prefix, options) {
      for await (const one of store.list(prefix, options))
        yield one.key === keys[9] ? { ...one, sizeBytes: 0 } : one;
    },
  };

  const request = { store: cutOff, ring, folder: FOLDER, segmentBytes: SEGMENT_BYTES, signal };
  const { missing } = await walStore.inventory(request);

  expect(missing).toEqual([nameOf(9)]);
});

test('a store that does not answer is no damage, and no PASS', async () => {
  const store = memoryStore();
  await storeLog(store);
  const away = faultyStore(store);
  for (let calls = 0; calls < SEGMENTS; calls++)
    away.failNext('open', new Problem(STORE_UNREACHABLE, 'Cannot open here: gone fishing'));

  const [day] = await week(away);

  expect(day?.verdict).toBe('ERROR');
  expect(day?.detail).toContain('gone fishing');
});

test('an older backup’s proof leaves it to the newest one’s', async () => {
  const store = memoryStore();
  await storeLog(store);

  expect(await look(store, THURSDAY, { isNewest: false })).toEqual([]);
});

test('a damaged segment fails every day from then on, until it reads whole', async () => {
  const store = memoryStore();
  const findings = memoryFindings();
  await storeLog(store);
  const bad = faultyStore(store);
  bad.damage(new RegExp(nameOf(9)), flip);

  await week(bad, findings);
  const days = await week(bad, findings);

  expect(days.map(({ verdict }) => verdict)).toEqual(Array.from({ length: 7 }, () => 'FAIL'));
  expect(await findings.list()).toEqual([
    expect.objectContaining({
      code: 'ARCHIVED_LOG_DAMAGED',
      severity: 'page',
      store: 'here',
      segments: [nameOf(9)],
    }),
  ]);
  await look(store, THURSDAY, { isNewest: true, findings });
  expect(await findings.list()).toEqual([]);
});

test('what was found damaged in a store that the server has no longer is forgotten, even where nobody answers', async () => {
  const store = memoryStore();
  await storeLog(store);
  const findings = memoryFindings();
  const bad = { code: 'ARCHIVED_LOG_DAMAGED', segments: [nameOf(9)] };
  const { server } = FOLDER;
  for (const name of ['here', 'east', 'west']) {
    const finding = { ...bad, store: name };
    await findings.open({ code: `${bad.code}:${name}`, server, finding, at: '' });
  }
  const other = { code: 'STORE_DAMAGED', store: 'west' };
  await findings.open({ code: `${other.code}:west`, server, finding: other, at: '' });
  const away = faultyStore(store);
  away.failNext('list', new Problem(STORE_UNREACHABLE, 'Cannot list here: gone fishing'));

  await look(away, THURSDAY, { isNewest: true, findings, stores: ['here', 'east'] });

  expect(await findings.list()).toEqual([
    { ...bad, store: 'here' },
    { ...bad, store: 'east' },
    other,
  ]);
});

test('what an hour does not reach is told, and is no PASS', async () => {
  const store = memoryStore();
  await storeLog(store);

  const [seen] = await look(store, THURSDAY, { isNewest: true, stepMs: 3_600_000 });

  expect(seen?.verdict).toBe('SKIPPED');
  expect(seen?.detail).toMatch(/^1 of its 3 segments not reached in an hour/);
});

async function week(store: ObjectStore, findings?: FindingRecords): Promise<readonly Check[]> {
  const days: Check[] = [];
  for (let day = 0; day < 7; day++)
    days.push(
      ...(await look(store, THURSDAY.add({ hours: 24 * day }), { isNewest: true, findings })),
    );
  return days;
}

interface LookOptions {
  readonly isNewest: boolean;
  readonly findings?: FindingRecords | undefined;
  /** Of the server, by the config. */
  readonly stores?: readonly string[];
  /** How long each segment takes. */
  readonly stepMs?: number;
}

function memoryFindings() {
  const rows = new Map<string, Json>();
  const findings: FindingRecords = {
    async open({ code, finding }) {
      const isNew = !rows.has(code);
      rows.set(code, finding);
      return isNew;
    },
    close: async (code) => rows.delete(code),
    list: async () => [...rows.values()],
  };
  return findings;
}

async function look(
  store: ObjectStore,
  now: Temporal.Instant,
  { isNewest, findings, stores = ['here'], stepMs = 0 }: LookOptions,
): Promise<readonly Check[]> {
  const clock = fakeClock(now.toString());
  const book = openCheckBook(clock, signal);
  const walArchive = {
    ...walStore,
    async read(request: Parameters<typeof walStore.read>[0]) {
      await clock.advance(stepMs);
      return await walStore.read(request);
    },
  };
  const base = { major: 15, systemId: '73', segmentBytes: SEGMENT_BYTES };
  await checkKeptLog({
    book,
    store: { name: 'here', store },
    run: testRun(),
    plan: { server: FOLDER.server, isNewest, base },
    deps: {
      catalog: findings === undefined ? {} : { findings },
      recovery: {
        clock,
        ring,
        storesOf: () => stores.map((name) => ({ name, store })),
        walArchive,
      },
    },
  });
  return book.checks;
}

async function storeLog(store: ObjectStore) {
  const keys = [];
  for (let number = 0; number < SEGMENTS; number++) {
    const bytes = Buffer.concat([randomBytes(5000)], SEGMENT_BYTES);
    const key = segmentKey(FOLDER, nameOf(number), ring.contentName(bytes));
    await putWal({ store, ring, folder: FOLDER, signal }, key, bytes);
    keys.push(key);
  }
  return keys;
}

function nameOf(number: number): SegmentName {
  return segmentNameAt(1, lsnFromBytes(BigInt((100 + number) * SEGMENT_BYTES)), SEGMENT_BYTES);
}

function flip(bytes: Buffer, at: number): Buffer {
  if (at <= 3000 && at + bytes.length > 3000) bytes[3000 - at] = (bytes[3000 - at] ?? 0) ^ 1;
  return bytes;
}

function cut(bytes: Buffer, at: number): Buffer {
  return at + bytes.length > 3000 ? bytes.subarray(0, Math.max(0, 3000 - at)) : bytes;
}
