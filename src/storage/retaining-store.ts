/**
 * A store that locks what is put into it, for as long as the key says. Where the store itself cannot lock,
 * nothing is different. A lock that is asked for by the caller and a later one from here: the later holds.
 */
import type { ObjectKey, ObjectStore } from './object-store.ts';

/** `retainUntilOf`: undefined for what may go at any time. Asked once for each put. */
export function retainingStore(
  store: ObjectStore,
  retainUntilOf: (key: ObjectKey) => Temporal.Instant | undefined,
): ObjectStore {
  return {
    get description() {
      return store.description;
    },
    get locks() {
      return store.locks;
    },
    put: async (key, body, options) => {
      const retainUntil = later(options.retainUntil, retainUntilOf(key));
      return await store.put(key, body, {
        ...options,
        ...(retainUntil === undefined ? {} : { retainUntil }),
      });
    },
    open: (key, options) => store.open(key, options),
    stat: (key, options) => store.stat(key, options),
    list: (prefix, options) => store.list(prefix, options),
    remove: (key, options) => store.remove(key, options),
    census: (options) => store.census(options),
    sweep: (options) => store.sweep(options),
  };
}

function later(
  a: Temporal.Instant | undefined,
  b: Temporal.Instant | undefined,
): Temporal.Instant | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Temporal.Instant.compare(a, b) >= 0 ? a : b;
}
