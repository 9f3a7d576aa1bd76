/** Wraps a store that goes away and comes back when it is told to: each call is then told unreachable. */
import { Problem } from '../../src/kernel/problem.ts';
import type { ObjectInfo, ObjectStore, StoredItem } from '../../src/storage/object-store.ts';
import { STORE_UNREACHABLE } from '../../src/storage/problems.ts';

export interface AbsentStore extends ObjectStore {
  isAway: boolean;
}

export function absentStore(inner: ObjectStore): AbsentStore {
  function look(): void {
    if (store.isAway) throw new Problem(STORE_UNREACHABLE, 'Cannot reach the store: it is away');
  }

  async function* list(
    ...args: Parameters<ObjectStore['list']>
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    for await (const info of inner.list(...args)) {
      look();
      yield info;
    }
    look();
  }

  async function* census(
    ...args: Parameters<ObjectStore['census']>
  ): AsyncGenerator<StoredItem, void, undefined> {
    look();
    yield* inner.census(...args);
  }

  const store: AbsentStore = {
    isAway: false,
    description: `absent ${inner.description}`,
    locks: inner.locks,
    list,
    census,
    async put(...args) {
      look();
      return await inner.put(...args);
    },
    async open(...args) {
      look();
      return await inner.open(...args);
    },
    async stat(...args) {
      look();
      return await inner.stat(...args);
    },
    async remove(...args) {
      look();
      await inner.remove(...args);
    },
    async sweep(...args) {
      look();
      return await inner.sweep(...args);
    },
  };
  return store;
}
