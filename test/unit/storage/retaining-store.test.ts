import { Readable } from 'node:stream';

import { expect, test } from 'vitest';

import { memoryStore } from '../../../src/storage/memory.ts';
import { retainingStore } from '../../../src/storage/retaining-store.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { objectKey } from '../../support/object-keys.ts';

const { signal } = new AbortController();
const BASE = objectKey('shop/base/one');
const TAIL = objectKey('shop/tail/one');

test('locks what the key says, and nothing else', async () => {
  const clock = fakeClock();
  const until = clock.now().add({ hours: 24 });
  const store = retainingStore(memoryStore({ locks: clock }), (key) =>
    key.includes('/base/') ? until : undefined,
  );

  for (const key of [BASE, TAIL]) await store.put(key, Readable.from(['abc']), { signal });

  expect(await store.locks?.retainedUntil(BASE, { signal })).toEqual(until);
  expect(await store.locks?.retainedUntil(TAIL, { signal })).toBeUndefined();
});

test('of two moments the later holds', async () => {
  const clock = fakeClock();
  const [soon, late] = [clock.now().add({ hours: 1 }), clock.now().add({ hours: 2 })];
  const store = retainingStore(memoryStore({ locks: clock }), (key) =>
    key === BASE ? soon : late,
  );

  await store.put(BASE, Readable.from(['abc']), { signal, retainUntil: late });
  await store.put(TAIL, Readable.from(['abc']), { signal, retainUntil: soon });

  for (const key of [BASE, TAIL])
    expect(await store.locks?.retainedUntil(key, { signal })).toEqual(late);
});
