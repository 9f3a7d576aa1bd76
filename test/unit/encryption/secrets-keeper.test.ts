import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';

import { ringOf } from '../../../src/encryption/generations.ts';
import type { KeyKeeper } from '../../../src/encryption/key-keeper.ts';
import { openLivingRing } from '../../../src/encryption/living-ring.ts';
import { pointerText } from '../../../src/encryption/ring-secrets.ts';
import { secretsKeeper } from '../../../src/encryption/secrets-keeper.ts';
import type { Clock } from '../../../src/kernel/clock.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { awsError, type MemorySecrets, memorySecrets } from '../../support/memory-secrets.ts';

const { signal } = new AbortController();
const OPTIONS = { signal };
const NAME = 'dbdr/test';
const [EAST, WEST] = ['us-east-1', 'us-west-2'];
const SILENT = awsError('TimeoutError', 'Connection timed out');
const IDENTITY = { systemId: '1', name: 'x' };
const DATA_KEY = Buffer.alloc(32, 5);
const CONTENT = Buffer.from('segment');

function keeperOf(secrets: MemorySecrets, clock: Clock = fakeClock()): KeyKeeper {
  const regions = [EAST, WEST].map((region) => secrets.region(region));
  return secretsKeeper({ name: NAME, regions, kmsKeys: {}, clock });
}

async function made(): Promise<{
  readonly secrets: MemorySecrets;
  readonly keeper: KeyKeeper;
  readonly keyId: string;
}> {
  const secrets = memorySecrets();
  const keeper = keeperOf(secrets);
  const { keyId } = await keeper.create(OPTIONS);
  return { secrets, keeper, keyId };
}

describe('create()', () => {
  test('makes one secret for the key and one that names it, in every region', async () => {
    const { secrets, keeper, keyId } = await made();

    const names = [`${NAME}/${keyId}`, `${NAME}/active`];
    expect(secrets.names(EAST).toSorted()).toEqual(names.toSorted());
    expect(secrets.names(WEST).toSorted()).toEqual(names.toSorted());
    expect((await keeper.load(OPTIONS)).order).toEqual([keyId]);
  });

  test('refuses where keys are, and changes nothing', async () => {
    const { keeper, keyId } = await made();

    await expect(keeper.create(OPTIONS)).rejects.toMatchObject({
      kind: { code: 'KEY_SECRETS_EXIST', fault: 'refused' },
    });

    expect((await keeper.load(OPTIONS)).order).toEqual([keyId]);
  });

  test('refuses where only the list of keys is missing: a new ring would forget the old keys', async () => {
    const { secrets, keeper, keyId } = await made();
    secrets.remove(EAST, `${NAME}/active`);

    await expect(keeper.create(OPTIONS)).rejects.toThrow(keyId);
  });
});

describe('load()', () => {
  test('reads from the other region when the first is silent, and tells so', async () => {
    const { secrets, keyId } = await made();
    secrets.fail(EAST, SILENT);

    const generations = await keeperOf(secrets).load(OPTIONS);

    expect([...generations.keys.keys()]).toEqual([keyId]);
    expect(generations.warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining(EAST),
    ]);
  });

  test('asks a silent region once, not for each key', async () => {
    const { secrets, keeper } = await made();
    for (let generation = 2; generation <= 5; generation += 1) await keeper.rotate(OPTIONS);
    secrets.fail(EAST, SILENT);
    const before = secrets.calls.length;

    await keeperOf(secrets).load(OPTIONS);

    const asked = secrets.calls.slice(before).filter((call) => call.includes(EAST));
    expect(asked).toEqual([`read ${EAST} ${NAME}/active`]);
  });

  test('names content alike whichever region answers, and over rotations', async () => {
    const { secrets, keeper } = await made();
    const first = ringOf(await keeper.load(OPTIONS));
    await keeper.rotate(OPTIONS);
    const rotated = ringOf(await keeperOf(secrets).load(OPTIONS));
    secrets.fail(EAST, SILENT);
    const elsewhere = ringOf(await keeperOf(secrets).load(OPTIONS));

    expect(rotated.currentKeyId).not.toBe(first.currentKeyId);
    expect(rotated.contentName(CONTENT)).toBe(first.contentName(CONTENT));
    expect(elsewhere.contentName(CONTENT)).toBe(first.contentName(CONTENT));
    const wrapped = first.wrap(DATA_KEY, IDENTITY);
    expect(elsewhere.unwrap(wrapped, IDENTITY)).toEqual(DATA_KEY);
  });

  test('says that it may be asked again later when every region is silent', async () => {
    const { secrets } = await made();
    secrets.fail(EAST, SILENT);
    secrets.fail(WEST, SILENT);

    const loading = keeperOf(secrets).load(OPTIONS);

    await expect(loading).rejects.toMatchObject({
      kind: { code: 'KEY_UNREACHABLE', retry: 'later' },
    });
    await expect(loading).rejects.toThrow(/us-east-1.*us-west-2/);
  });

  test('says how keys are made where there are none', async () => {
    const hint: unknown = expect.stringContaining('keys create');
    await expect(keeperOf(memorySecrets()).load(OPTIONS)).rejects.toMatchObject({
      kind: { code: 'KEY_SECRETS_MISSING', retry: 'never' },
      hint,
    });
  });

  test.each([
    ['16 bytes', { text: undefined, bytes: randomBytes(16) }, /16 bytes and should have 32/],
    ['a short key', { text: '{"version":1,"keyId":"K","key":"c2hvcnQ="}' }, /5 bytes and should/],
    ['no key', { text: 'hello' }, /holds no key/],
  ])('tells of a secret that holds %s without showing it', async (_what, value, told) => {
    const { secrets, keyId } = await made();
    for (const region of [EAST, WEST]) secrets.change(region, `${NAME}/${keyId}`, value);

    const ring = ringOf(await keeperOf(secrets).load(OPTIONS));

    expect(() => ring.wrap(DATA_KEY, IDENTITY)).toThrow(told);
    expect(() => ring.wrap(DATA_KEY, IDENTITY)).not.toThrow(/c2hvcnQ|hello/);
  });

  test('takes 32 plain bytes as well', async () => {
    const { secrets, keyId } = await made();
    const key = randomBytes(32);
    secrets.change(EAST, `${NAME}/${keyId}`, { text: undefined, bytes: key });

    expect((await keeperOf(secrets).load(OPTIONS)).keys.get(keyId)).toEqual(key);
  });

  test('refuses the key of another generation under a name', async () => {
    const { secrets, keeper, keyId } = await made();
    await keeper.rotate(OPTIONS);
    const other = (await keeper.load(OPTIONS)).order[1] ?? '';
    const { text } = await secrets.region(EAST).read(`${NAME}/${other}`, OPTIONS);
    for (const region of [EAST, WEST]) secrets.change(region, `${NAME}/${keyId}`, { text });

    const { unreadable } = await keeperOf(secrets).load(OPTIONS);

    expect(unreadable.get(keyId)?.message).toContain(`should hold "${keyId}"`);
  });

  test('reads the others where one key is gone for good, and tells the way back of one that is not', async () => {
    const { secrets, keeper, keyId } = await made();
    const old = ringOf(await keeper.load(OPTIONS)).wrap(DATA_KEY, IDENTITY);
    await keeper.rotate(OPTIONS);
    const deletedAt = Temporal.Instant.from('2026-12-01T00:00:00Z');
    for (const region of [EAST, WEST]) secrets.change(region, `${NAME}/${keyId}`, { deletedAt });

    const ring = ringOf(await keeperOf(secrets).load(OPTIONS));

    expect(ring.unwrap(ring.wrap(DATA_KEY, IDENTITY), IDENTITY)).toEqual(DATA_KEY);
    expect(() => ring.unwrap(old, IDENTITY)).toThrow(/marked for deletion/);
    // Its name of WAL came from the oldest: without it no segment may be named otherwise.
    expect(() => ring.contentName(CONTENT)).toThrow(/marked for deletion/);
  });
});

describe('a ring that lives long', () => {
  test('uses a key that another process has made, and the old ones as before', async () => {
    const { secrets, keyId } = await made();
    const clock = fakeClock();
    const ring = await openLivingRing(keeperOf(secrets, clock), { clock, signal });
    const old = ring.wrap(DATA_KEY, IDENTITY);
    const { keyId: newer } = await keeperOf(secrets).rotate(OPTIONS);

    await ring.reload(OPTIONS);

    expect(old.keyId).toBe(keyId);
    expect(ring.wrap(DATA_KEY, IDENTITY).keyId).toBe(newer);
    expect(ring.unwrap(old, IDENTITY)).toEqual(DATA_KEY);
  });

  test('reads a key again after an hour, and not before', async () => {
    const { secrets, keyId } = await made();
    const clock = fakeClock();
    const keeper = keeperOf(secrets, clock);
    await keeper.load(OPTIONS);
    function reads(): number {
      return secrets.calls.filter((call) => call.endsWith(keyId)).length;
    }
    const before = reads();

    await clock.advance(59 * 60_000);
    await keeper.load(OPTIONS);
    expect(reads()).toBe(before);

    await clock.advance(60_000);
    await keeper.load(OPTIONS);
    expect(reads()).toBe(before + 1);
  });

  test('keeps what it knows while nobody answers, however long, and believes that a key is gone', async () => {
    const { secrets, keyId } = await made();
    const clock = fakeClock();
    const keeper = keeperOf(secrets, clock);
    await keeper.load(OPTIONS);
    await clock.advance(5 * 60 * 60_000);
    for (const region of [EAST, WEST]) secrets.failSecret(region, `${NAME}/${keyId}`, SILENT);

    expect((await keeper.load(OPTIONS)).keys.has(keyId)).toBe(true);

    for (const region of [EAST, WEST])
      secrets.failSecret(region, `${NAME}/${keyId}`, awsError('AccessDeniedException'));
    expect((await keeper.load(OPTIONS)).keys.has(keyId)).toBe(false);
  });
});

describe('rotate()', () => {
  test('moves the pointer only when every region gives the new key back', async () => {
    const { secrets, keeper, keyId } = await made();
    secrets.copiesTo(WEST, 'Failed');

    const message: unknown = expect.stringContaining(WEST);
    await expect(keeper.rotate(OPTIONS)).rejects.toMatchObject({
      kind: { code: 'KEY_NOT_REPLICATED', retry: 'later' },
      message,
    });

    expect((await keeperOf(secrets).load(OPTIONS)).order).toEqual([keyId]);
  });

  test('tells that a copy takes too long, and uses the old key meanwhile', async () => {
    const secrets = memorySecrets();
    const clock = fakeClock();
    const keeper = keeperOf(secrets, clock);
    await keeper.create(OPTIONS);
    secrets.copiesTo(WEST, 'InProgress');

    const rotating = keeper.rotate(OPTIONS).catch((error: unknown) => error);
    for (let second = 0; second < 61; second += 1) {
      await clock.untilAsleep(1);
      await clock.advance(1000);
    }

    expect(await rotating).toMatchObject({ kind: { code: 'KEY_NOT_REPLICATED' } });
    expect((await keeper.load(OPTIONS)).order).toHaveLength(1);
  });

  test('killed after any call, loses no key, and the next one finishes what was begun', async () => {
    let deaths = 0;
    for (let isDead = true; isDead; deaths += 1) {
      const { secrets, keeper, keyId } = await made();
      secrets.dieAfter(deaths);
      isDead = await keeper.rotate(OPTIONS).then(
        () => false,
        () => true,
      );
      secrets.dieAfter(undefined);

      const between = await keeperOf(secrets).load(OPTIONS);
      await keeperOf(secrets).rotate(OPTIONS);
      const after = await keeperOf(secrets).load(OPTIONS);

      expect(between.unreadable.size + after.unreadable.size).toBe(0);
      expect(between.order[0]).toBe(keyId);
      // Killed after the pointer was moved, the next one is one more.
      expect(after.order).toHaveLength(between.order.length + 1);
      const known = [...after.order.map((id) => `${NAME}/${id}`), `${NAME}/active`];
      expect(secrets.names(EAST).toSorted()).toEqual(known.toSorted());
      expect(secrets.names(WEST).toSorted()).toEqual(known.toSorted());
    }
    expect(deaths).toBeGreaterThan(8); // A rotation that asks nobody proves nothing.
  });

  test('making the first key, killed after any call, is finished by the next', async () => {
    for (let calls = 0; calls < 12; calls += 1) {
      const secrets = memorySecrets();
      secrets.dieAfter(calls);
      await Promise.allSettled([keeperOf(secrets).create(OPTIONS)]);
      secrets.dieAfter(undefined);
      // Refused where the first was made to the end.
      await Promise.allSettled([keeperOf(secrets).create(OPTIONS)]);

      const { order, unreadable } = await keeperOf(secrets).load(OPTIONS);
      expect(order).toHaveLength(1);
      expect(unreadable.size).toBe(0);
    }
  });

  test('at once in two processes ends with one new key that both use', async () => {
    const { secrets } = await made();

    const ended = await Promise.allSettled([
      keeperOf(secrets).rotate(OPTIONS),
      keeperOf(secrets).rotate(OPTIONS),
    ]);

    const { order, unreadable } = await keeperOf(secrets).load(OPTIONS);
    expect(ended.filter(({ status }) => status === 'fulfilled')).not.toHaveLength(0);
    expect(unreadable.size).toBe(0);
    expect(order).toHaveLength(2);
  });

  test('goes on with the key that somebody else has begun', async () => {
    const { secrets, keeper, keyId } = await made();
    const { versionId } = await secrets.region(EAST).read(`${NAME}/active`, OPTIONS);
    const text = pointerText({ keys: [keyId], next: 'k-begun' });
    await secrets.region(EAST).replace(`${NAME}/active`, { text, instead: versionId }, OPTIONS);

    expect(await keeper.rotate(OPTIONS)).toEqual({
      keyId: 'k-begun',
      previousKeyId: keyId,
      places: [EAST, WEST],
    });
  });
});
