import { Readable } from 'node:stream';
import { expect, test } from 'vitest';

import { openLivingRing, requireWritable } from '../../../src/encryption/living-ring.ts';
import { encryptObject, openObject } from '../../../src/encryption/object.ts';
import { KEY_UNREACHABLE, KEY_UNREADABLE } from '../../../src/encryption/problems.ts';
import { isServerName } from '../../../src/kernel/ids.ts';
import { silentLog } from '../../../src/kernel/log.ts';
import { Problem } from '../../../src/kernel/problem.ts';
import { keysService } from '../../../src/keys/services.ts';
import { memoryStore } from '../../../src/storage/memory.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { type MemoryKeeper, memoryKeeper } from '../../support/memory-keeper.ts';
import { objectKey } from '../../support/object-keys.ts';

const { signal } = new AbortController();
const IDENTITY = { systemId: '1', name: 'shop/x' };
const SILENT = new Problem(KEY_UNREACHABLE, 'Nobody answers');

async function serving(keeper: MemoryKeeper) {
  const clock = fakeClock();
  const ring = await openLivingRing(keeper, { clock, signal });
  const findings = new Map<string, unknown>();
  const stop = new AbortController();
  const service = keysService({
    keeper,
    ring,
    servers: ['shop'].filter(isServerName),
    storesOf: () => [],
    clock,
    log: silentLog,
    catalog: {
      findings: {
        open: async ({ code, finding }) => findings.set(code, finding).size > 0,
        close: async (code) => findings.delete(code),
        list: async () => [],
      },
    },
  });
  const running = service.run({ signal: stop.signal, ready: () => undefined });
  await clock.untilAsleep(1);
  return {
    ring,
    clock,
    findings,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

test('a bot that runs uses the key that another process has made, without a restart', async () => {
  const keeper = memoryKeeper();
  await using bot = await serving(keeper);
  const old = bot.ring.wrap(Buffer.alloc(32, 5), IDENTITY);
  await keeper.rotate({ signal });

  await bot.clock.advance(keeper.refreshEveryMs);

  expect(bot.ring.wrap(Buffer.alloc(32, 5), IDENTITY).keyId).toBe('k2');
  expect(bot.ring.unwrap(old, IDENTITY)).toEqual(Buffer.alloc(32, 5));
});

test('a bot whose keys do not answer goes on with what it knows, and says so until they do', async () => {
  const keeper = memoryKeeper();
  await using bot = await serving(keeper);
  keeper.silence(SILENT);

  await bot.clock.advance(keeper.refreshEveryMs);
  expect(bot.ring.wrap(Buffer.alloc(32), IDENTITY).keyId).toBe('k1');
  expect([...bot.findings.keys()]).toEqual(['KEY_PLACE_SILENT']);

  keeper.silence(undefined);
  await bot.clock.advance(keeper.refreshEveryMs);
  expect([...bot.findings.keys()]).toEqual([]);
});

test('reading what a newer key has sealed looks for that key first', async () => {
  const keeper = memoryKeeper();
  const clock = fakeClock();
  const ring = await openLivingRing(keeper, { clock, signal });
  await keeper.rotate({ signal });
  const newer = await openLivingRing(keeper, { clock, signal });
  const store = memoryStore();
  const key = objectKey(IDENTITY.name);
  const sealed = encryptObject([Buffer.from('abc')], { ring: newer, identity: IDENTITY });
  await store.put(key, Readable.from(sealed), { signal });
  await clock.advance(60_000);

  const object = await openObject({ store, key, ring, identity: IDENTITY, signal });

  expect((await object.readAll({ maxBytes: 3 })).toString()).toBe('abc');
  expect(ring.currentKeyId).toBe('k2');
});

test('without a readable current key nothing is stored, although older keys are readable', async () => {
  const keeper = memoryKeeper();
  await keeper.rotate({ signal });
  keeper.lose('k2', new Problem(KEY_UNREADABLE, 'It is gone'));
  const ring = await openLivingRing(keeper, { clock: fakeClock(), signal });
  const store = memoryStore();
  const key = objectKey(IDENTITY.name);

  const sealed = encryptObject([Buffer.from('abc')], { ring, identity: IDENTITY });
  const putting = store.put(key, Readable.from(sealed), { signal });

  await expect(putting).rejects.toMatchObject({ kind: { code: 'KEY_NOT_FOUND' } });
  expect(await store.stat(key, { signal })).toBeUndefined();
  expect(() => requireWritable(ring)).toThrow(/It is gone/);
});

test('without its oldest key nothing is named otherwise, so nothing is stored twice', async () => {
  const keeper = memoryKeeper();
  await keeper.rotate({ signal });
  keeper.lose('k1', new Problem(KEY_UNREADABLE, 'It is gone'));
  const ring = await openLivingRing(keeper, { clock: fakeClock(), signal });

  expect(() => ring.contentName(Buffer.from('segment'))).toThrow(/It is gone/);
  expect(() => requireWritable(ring)).toThrow(/It is gone/);
});
