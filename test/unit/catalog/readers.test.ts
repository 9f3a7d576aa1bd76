import { expect, test } from 'vitest';

import { untilNotRemoving } from '../../../src/catalog/readers.ts';
import { fakeClock } from '../../support/fake-clock.ts';

const { signal } = new AbortController();

test('untilNotRemoving() waits while a removal holds its lease, and not for one that a dead one left for a year', async () => {
  const clock = fakeClock();
  let holder: string | undefined = 'retention r-1';
  let waiting = 2;
  async function begin(): Promise<void> {
    await untilNotRemoving({ leases: { holderOf: async () => holder }, clock }, 'shop', { signal });
    waiting -= 1;
  }

  const first = begin();
  await clock.advance(30_000);
  expect(waiting).toBe(2);
  holder = undefined;
  await clock.advance(1000);
  await first;
  holder = 'retention r-2';
  const second = begin();
  await clock.advance(59_000);
  expect(waiting).toBe(1);
  await clock.advance(2000);
  await second;

  expect(waiting).toBe(0);
});
