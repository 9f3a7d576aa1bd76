import { memoryStore } from '../../src/storage/memory.ts';
import { faultyStore } from '../support/faulty-store.ts';
import { objectStoreContract } from './object-store.contract.ts';

objectStoreContract('memoryStore()', async () => memoryStore());
objectStoreContract('faultyStore() with no faults', async () => faultyStore(memoryStore()));
