/** Keeps a ring in memory, as another process may change it at any time. */
import { type Generations, newKey } from '../../src/encryption/generations.ts';
import type { KeyKeeper } from '../../src/encryption/key-keeper.ts';
import type { Problem } from '../../src/kernel/problem.ts';

export interface MemoryKeeper extends KeyKeeper {
  /** Undefined: it answers again. */
  silence(problem: Problem | undefined): void;
  /** The generation is there, and cannot be read. */
  lose(keyId: string, problem: Problem): void;
}

export function memoryKeeper(): MemoryKeeper {
  const keys = new Map([['k1', newKey()]]);
  const unreadable = new Map<string, Problem>();
  let silent: Problem | undefined;

  function generations(): Generations {
    if (silent !== undefined) throw silent;
    const readable = [...keys].filter(([keyId]) => !unreadable.has(keyId));
    return { order: [...keys.keys()], keys: new Map(readable), unreadable, warnings: [] };
  }

  return {
    description: 'the memory of a test',
    escrow: 'Keep it.',
    refreshEveryMs: 10_000,
    places: [{ name: 'memory', look: async () => ({ generations: generations(), dangers: [] }) }],
    load: async () => generations(),
    create: async () => ({ keyId: 'k1', previousKeyId: undefined, places: ['memory'] }),
    async rotate() {
      const previousKeyId = [...generations().order].at(-1);
      const keyId = `k${keys.size + 1}`;
      keys.set(keyId, newKey());
      return { keyId, previousKeyId, places: ['memory'] };
    },
    silence(problem) {
      silent = problem;
    },
    lose: (keyId, problem) => void unreadable.set(keyId, problem),
  };
}
