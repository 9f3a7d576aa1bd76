/** What mirrors of a process hear, and what happens to one that does not keep up. */
import { expect, test } from 'vitest';

import { isServerName, type ServerName } from '../../../src/kernel/ids.ts';
import { toLsn } from '../../../src/kernel/lsn.ts';
import { MirrorFeed } from '../../../src/mirroring/feed.ts';
import { fakeClock } from '../../support/fake-clock.ts';

function server(name: string): ServerName {
  if (!isServerName(name)) throw new TypeError(name);
  return name;
}

function progress(name: string) {
  const lsn = toLsn('0/100');
  const at = '2026-11-22T14:46:00.000000Z';
  return { server: server(name), systemId: '73', timeline: 1, storedLsn: lsn, serverLsn: lsn, at };
}

test('a mirror hears of its own server only, and nothing once it is closed', () => {
  const feed = new MirrorFeed();
  const subscription = feed.subscribe(server('shop'));

  feed.progress(progress('shop'));
  feed.progress(progress('other'));

  expect(subscription.take()).toMatchObject({ items: [{ server: 'shop' }], overflowed: false });
  subscription[Symbol.dispose]();
  feed.progress(progress('shop'));
  expect(subscription.take().items).toEqual([]);
});

test('what does not fit is lost, and that is said once', () => {
  const feed = new MirrorFeed();
  using subscription = feed.subscribe(server('shop'));

  for (let at = 0; at < 1001; at++) feed.progress(progress('shop'));

  const taken = subscription.take();
  expect(taken.overflowed).toBe(true);
  expect(taken.items.length).toBeLessThan(1001);
  expect(subscription.take()).toEqual({ items: [], overflowed: false });
});

test('whoever waits is woken by what comes, by the time, and by the end', async () => {
  const clock = fakeClock();
  const feed = new MirrorFeed();
  using subscription = feed.subscribe(server('shop'));
  const stopping = new AbortController();

  const woken = subscription.wait(1000, clock, stopping.signal);
  feed.progress(progress('shop'));
  await woken;
  subscription.take();
  const timed = subscription.wait(1000, clock, stopping.signal);
  await clock.advance(1000);
  await timed;
  const ended = subscription.wait(1000, clock, stopping.signal);
  stopping.abort();
  await ended;

  expect(clock.elapsedMs()).toBe(1000);
});
