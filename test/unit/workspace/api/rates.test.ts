/** Slack's rate limits, by method and by channel. */
import { expect, test } from 'vitest';

import { createRates } from '../../../../src/workspace/api/rates.ts';
import { fakeClock } from '../../../support/fake-clock.ts';

test('chat.postMessage may come five at once, then one a second in each channel', async () => {
  const clock = fakeClock();
  const rates = createRates(clock);

  const burst = Array.from({ length: 6 }, () => rates.waitSeconds('chat.postMessage', 'C1'));

  expect(burst).toEqual([undefined, undefined, undefined, undefined, undefined, 1]);
  expect(rates.waitSeconds('chat.postMessage', 'C2')).toBeUndefined();
  await clock.advance(1000);
  expect(rates.waitSeconds('chat.postMessage', 'C1')).toBeUndefined();
});

test('users.list may be called 20 times a minute, chat.update 50 times', () => {
  const rates = createRates(fakeClock());

  function allowed(method: string): number {
    const waits = Array.from({ length: 60 }, () => rates.waitSeconds(method, ''));
    return waits.filter((wait) => wait === undefined).length;
  }

  expect(allowed('users.list')).toBe(20);
  expect(allowed('chat.update')).toBe(50);
});
