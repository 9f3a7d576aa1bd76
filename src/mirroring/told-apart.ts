/** Two stores that do not answer look the same: each problem is remembered with the store it came from. */
import { isProblem } from '../kernel/problem.ts';
import type { ObjectInfo, ObjectStore } from '../storage/object-store.ts';
import type { NamedStore } from './deps.ts';

const CAME_FROM = new WeakMap<object, string>();

/** The store's name in the config; undefined: the problem is not a store's. */
export function storeAtFault(error: unknown): string | undefined {
  return isProblem(error) ? CAME_FROM.get(error) : undefined;
}

/** The same store; it keeps no state of its own. */
export function toldApart({ name, store }: NamedStore): ObjectStore {
  async function told<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw remember(error, name);
    }
  }
  async function* list(
    ...args: Parameters<ObjectStore['list']>
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    try {
      yield* store.list(...args);
    } catch (error) {
      throw remember(error, name);
    }
  }
  return {
    description: store.description,
    locks: store.locks,
    put: (...args) => told(store.put(...args)),
    open: (...args) => told(store.open(...args)),
    stat: (...args) => told(store.stat(...args)),
    remove: (...args) => told(store.remove(...args)),
    sweep: (...args) => told(store.sweep(...args)),
    census: (...args) => store.census(...args),
    list,
  };
}

function remember(error: unknown, name: string): unknown {
  // What is put is read from the other store: its own problem is remembered first.
  if (isProblem(error) && !CAME_FROM.has(error)) CAME_FROM.set(error, name);
  return error;
}
