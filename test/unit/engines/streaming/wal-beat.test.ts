/** What is done now and then, and when somebody wants it. */
import { expect, test } from 'vitest';

import { beat } from '../../../../src/engines/streaming/wal-beat.ts';
import { createBell } from '../../../../src/kernel/bell.ts';

/** Sleeps until it is aborted, or not at all. */
function clockThat(sleeps: boolean): {
  sleep: (ms: number, on: { signal: AbortSignal }) => Promise<void>;
} {
  return {
    sleep: async (_ms, { signal }) => {
      if (!sleeps) return signal.throwIfAborted();
      await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    },
  };
}

test('beat() works each time its time has come, one at a time, until it is stopped', async () => {
  const stop = new AbortController();
  let times = 0;

  await beat({ waitMs: 1000, clock: clockThat(false), signal: stop.signal }, async () => {
    times += 1;
    if (times === 3) stop.abort();
    return Promise.resolve();
  });

  expect(times).toBe(3);
});

test('beat() works at once when somebody wants it, and hears who rings while it works', async () => {
  const stop = new AbortController();
  const wanted = createBell();
  let times = 0;

  const beating = beat(
    { waitMs: 1000, wanted, clock: clockThat(true), signal: stop.signal },
    async () => {
      times += 1;
      if (times === 1) wanted.ring();
      else stop.abort();
      return Promise.resolve();
    },
  );
  wanted.ring();
  await beating;

  expect(times).toBe(2);
});

test('beat() leaves nothing behind at a bell that nobody rings, however often its time comes', async () => {
  const stop = new AbortController();
  const waiters = new Set<() => void>();
  const most: number[] = [];
  // The last beat's waiter has left by the time the next one works.
  const wanted = createBell(waiters);

  await beat({ waitMs: 2000, wanted, clock: clockThat(false), signal: stop.signal }, async () => {
    most.push(waiters.size);
    if (most.length === 1000) stop.abort();
    return Promise.resolve();
  });

  expect(most).toHaveLength(1000);
  expect(Math.max(...most)).toBe(0);
});

test('beat() fails as its work does', async () => {
  const { signal } = new AbortController();

  const beating = beat({ waitMs: 1000, clock: clockThat(false), signal }, async () =>
    Promise.reject(new Error('the store is away')),
  );

  await expect(beating).rejects.toThrow('the store is away');
});
