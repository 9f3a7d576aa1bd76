import { systemClock } from '../../src/kernel/clock.ts';
import { memoryStore } from '../../src/storage/memory.ts';
import { retainingStore } from '../../src/storage/retaining-store.ts';
import { faultyStore } from '../support/faulty-store.ts';
import { objectStoreContract } from './object-store.contract.ts';

objectStoreContract('memoryStore()', async () => memoryStore());
objectStoreContract('memoryStore() with locks', async () => memoryStore({ locks: systemClock }), {
  locks: true,
});
objectStoreContract('faultyStore() with no faults', async () => faultyStore(memoryStore()));
objectStoreContract(
  'retainingStore() that retains nothing',
  async () => retainingStore(memoryStore({ locks: systemClock }), () => undefined),
  { locks: true },
);
objectStoreContract('retainingStore() of a store without locks', async () =>
  retainingStore(memoryStore(), () => systemClock.now().add({ hours: 24 })),
);
