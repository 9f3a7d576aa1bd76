/**
 * The service that archives one server all the time: guards and makes the slot, receives, remembers how
 * far the log is stored, and writes a heartbeat where nothing else happens, so that the archive's newest
 * commit is never old. It ends with the first failure; the supervisor starts it again.
 */
import { receiveWal } from '../engines/streaming/wal-receiver.ts';
import type { WalStored } from '../engines/wal-archive.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Service } from '../kernel/service.ts';
import { type ArchivingDeps, type ArchivingServer, archivingLease } from './deps.ts';
import { noteStore, storeAnswers } from './first-store.ts';
import { beatWhenIdle } from './heartbeat.ts';
import { holdSlot } from './hold-slot.ts';
import { prepareSlot } from './prepare-slot.ts';
import { guardStore } from './store-guard.ts';

export function archivingService(server: ArchivingServer, deps: ArchivingDeps): Service {
  return {
    name: `archiving:${server.name}`,
    lease: archivingLease(server.name),
    run: async ({ signal, ready }) => {
      await guardFirst(server, deps, signal);
      await archive(server, deps, { signal, ready, heartbeat: true });
    },
  };
}

/** A store that cannot even be looked at does not take the log either. */
async function guardFirst(
  server: ArchivingServer,
  deps: ArchivingDeps,
  signal: AbortSignal,
): Promise<void> {
  try {
    await guardStore(server, deps, { signal });
  } catch (error) {
    if (isProblem(error) && !signal.aborted) await noteStore(error, server, deps);
    throw error;
  }
}

export interface ArchiveOptions {
  readonly signal: AbortSignal;
  readonly ready: () => void;
  readonly heartbeat: boolean;
  /** Told after it has been remembered. */
  readonly onStored?: (stored: WalStored) => void;
}

/** Archives until `signal` aborts, then stores what has been received and resolves. */
export async function archive(
  server: ArchivingServer,
  deps: ArchivingDeps,
  options: ArchiveOptions,
): Promise<void> {
  const { catalog, clock } = deps;
  const { signal } = options;
  const log = deps.log.with({ server: server.name });
  const slot = await prepareSlot(server, deps, { signal });
  const known = await catalog.walProgress.find(server.name, server.storeName);
  const held = await holdSlot(server, deps);
  // Whatever goes on beside it ends with the receiver.
  const ending = new AbortController();
  const beside = AbortSignal.any([signal, ending.signal]);
  const news: News = { newest: undefined };
  const companions = Promise.all([
    options.heartbeat
      ? beatWhenIdle({ url: server.url, clock, log, newest: () => news.newest, signal: beside })
      : undefined,
    held?.watch({ signal: beside }),
  ]);
  // One that fails ends the receiver in order, and is then told.
  const failed = new AbortController();
  companions.catch((error: unknown) => failed.abort(error));
  try {
    await receiveWal({
      url: server.url,
      server: server.name,
      store: server.store,
      ring: server.ring,
      tailSeconds: server.tailSeconds,
      slot,
      clock,
      log,
      signal: AbortSignal.any([signal, failed.signal]),
      ready: options.ready,
      completeAt: known?.at,
      onObject: (object) => deps.listener?.object(object),
      flushLimit: held?.limit,
      onStored: async (stored) => {
        if (news.newest === undefined) await storeAnswers(server, deps);
        news.newest = stored;
        await catalog.walProgress.record({
          ...stored,
          store: server.storeName,
        });
        held?.told(stored);
        deps.listener?.progress(stored);
        options.onStored?.(stored);
      },
    });
  } catch (error) {
    if (isProblem(error)) {
      log.warn('Archiving has stopped', { code: error.kind.code });
      if (!signal.aborted) await noteStore(error, server, deps);
    }
    throw error;
  } finally {
    ending.abort();
    await companions;
  }
}

interface News {
  newest: WalStored | undefined;
}
