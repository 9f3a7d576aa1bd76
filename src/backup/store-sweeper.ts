/**
 * The service that takes back what attempts which did not end have left in the stores: packs without a
 * manifest, and halves of writes. Daily and at the start, after a time in which every backup would have
 * ended. A backup that is committed in any store of its server is no such attempt: the others may be
 * receiving their copy of it.
 */

import type { ServerName } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Service } from '../kernel/service.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { type BackupDeps, type NamedStore, serverNames } from './deps.ts';

const SWEEP_EVERY_MS = 24 * 3_600_000;
/** A backup has a day (`backup`'s deadline); a copy of one is put together as slowly as its link allows. */
const GRACE_MS = 2 * 24 * 3_600_000;

export interface StoreSweeperDeps
  extends Pick<BackupDeps, 'storesOf' | 'ring' | 'clock' | 'servers'> {
  readonly engine: Pick<BackupDeps['engine'], 'sweepUnfinished'>;
  readonly log: Log;
}

export function storeSweeper(deps: StoreSweeperDeps): Service {
  return {
    name: 'store-sweeper',
    lease: 'store-sweeper',
    async run({ signal, ready }) {
      ready();
      while (!signal.aborted) {
        for (const server of serverNames(deps)) await sweepServer(deps, server, signal);
        await deps.clock.sleep(SWEEP_EVERY_MS, { signal }).catch(() => undefined);
      }
    },
  };
}

/** A store that does not answer, or forbids it, is left for tomorrow. */
async function sweepServer(
  deps: StoreSweeperDeps,
  server: ServerName,
  signal: AbortSignal,
): Promise<void> {
  const { engine, ring, clock, log } = deps;
  const stores = deps.storesOf(server);
  for (const { name, store } of stores) {
    try {
      const packs = await engine.sweepUnfinished({
        store: committedInAny(store, stores),
        ring,
        server,
        signal,
        olderThanMs: GRACE_MS,
        now: clock.now(),
      });
      const writes = await store.sweep({ signal, olderThanMs: GRACE_MS });
      if (packs + writes > 0)
        log.info('Took back what did not end', { server, store: name, packs, writes });
    } catch (error) {
      if (signal.aborted) return;
      if (!isProblem(error)) throw error;
      const { code } = error.kind;
      log.warn('Cannot sweep a store', { server, store: name, code, reason: error.message });
    }
  }
}

/** Sees a manifest wherever it is, so that packs which wait for their copy of it stay. */
function committedInAny(store: ObjectStore, stores: readonly NamedStore[]): ObjectStore {
  return {
    description: store.description,
    locks: store.locks,
    put: (...args) => store.put(...args),
    open: (...args) => store.open(...args),
    list: (...args) => store.list(...args),
    remove: (...args) => store.remove(...args),
    census: (...args) => store.census(...args),
    sweep: (...args) => store.sweep(...args),
    async stat(key, options) {
      for (const each of stores) {
        const found = await each.store.stat(key, options);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}
