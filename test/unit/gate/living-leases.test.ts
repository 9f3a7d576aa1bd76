/** Tests of leases whose holder has died. */
import { expect, test } from 'vitest';

import type { LeaseRecords } from '../../../src/catalog/records.ts';
import { livingLeases } from '../../../src/gate/living-leases.ts';

const NOW = '2026-11-22T14:46:00.000000Z';
const UNTIL = '2026-11-22T14:46:30.000000Z';

function heldBy(holder: string): LeaseRecords & { readonly holders: Map<string, string> } {
  const holders = new Map([['archiving:shop', holder]]);
  return {
    holders,
    take: async (name, taker) => {
      if (holders.has(name)) return false;
      holders.set(name, taker);
      return true;
    },
    renew: async (name, renewer) => holders.get(name) === renewer,
    release: async (name, giver) => {
      if (holders.get(name) === giver) holders.delete(name);
    },
    holderOf: async (name) => holders.get(name),
  };
}

test('a dead process does not hold its lease for the rest of its time', async () => {
  const leases = heldBy('dead');
  const living = livingLeases(leases, { isGone: (holder) => holder === 'dead' });

  expect(await living.holderOf('archiving:shop', NOW)).toBeUndefined();
  expect(await living.take('archiving:shop', 'next', UNTIL, NOW)).toBe(true);
  expect(leases.holders.get('archiving:shop')).toBe('next');
});

test('a process that lives, or of which nobody can tell, keeps its lease', async () => {
  const leases = heldBy('elsewhere');
  const living = livingLeases(leases, { isGone: () => false });

  expect(await living.take('archiving:shop', 'next', UNTIL, NOW)).toBe(false);
  expect(await living.holderOf('archiving:shop', NOW)).toBe('elsewhere');
});
