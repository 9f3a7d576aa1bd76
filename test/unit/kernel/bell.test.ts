/** A bell, and waiting for it or for a time. */
import { expect, test } from 'vitest';

import { createBell, rungOrTime } from '../../../src/kernel/bell.ts';
import { fakeClock } from '../../support/fake-clock.ts';

const { signal } = new AbortController();

test('rungOrTime() ends at a ring, and at one that came before it waited', async () => {
  const clock = fakeClock();
  const bell = createBell();

  const waiting = rungOrTime(clock, bell.next(), { signal, waitMs: 1000 });
  const rung = bell.next();
  bell.ring();
  await waiting;
  await rungOrTime(clock, rung, { signal, waitMs: 1000 });

  expect(clock.elapsedMs()).toBe(0);
  expect(clock.sleepers).toBe(0);
});

test('a ring is for who waits then: whoever waits for the next one does not hear it', async () => {
  const clock = fakeClock();
  const bell = createBell();
  bell.ring();
  let isOver = false;

  const waiting = rungOrTime(clock, bell.next(), { signal, waitMs: 1000 }).finally(() => {
    isOver = true;
  });
  await clock.advance(999);
  const wasOver = isOver;
  await clock.advance(1);
  await waiting;

  expect(wasOver).toBe(false);
});

test('rungOrTime() rejects when it is aborted, and leaves', async () => {
  const waiters = new Set<() => void>();
  const stop = new AbortController();

  const waiting = rungOrTime(fakeClock(), createBell(waiters).next(), {
    signal: stop.signal,
    waitMs: 1000,
  });
  stop.abort(new Error('stopped'));

  await expect(waiting).rejects.toThrow('stopped');
  expect(waiters.size).toBe(0);
});
