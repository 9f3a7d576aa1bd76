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
import { beatWhenIdle } from './heartbeat.ts';
import { prepareSlot } from './prepare-slot.ts';

export function archivingService(server: ArchivingServer, deps: ArchivingDeps): Service {
  return {
    name: `archiving:${server.name}`,
    lease: archivingLease(server.name),
    run: async ({ signal, ready }) =>
      await archive(server, deps, { signal, ready, heartbeat: true }),
  };
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
  { signal, ready, heartbeat, onStored }: ArchiveOptions,
): Promise<void> {
  const { catalog, clock } = deps;
  const log = deps.log.with({ server: server.name });
  const slot = await prepareSlot(server, deps, { signal });
  const known = await catalog.walProgress.find(server.name, server.storeName);
  const beating = new AbortController();
  let newest: WalStored | undefined;
  const beats = heartbeat
    ? beatWhenIdle({
        url: server.url,
        clock,
        log,
        newest: () => newest,
        signal: AbortSignal.any([signal, beating.signal]),
      })
    : Promise.resolve();
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
      signal,
      ready,
      completeAt: known?.at,
      onStored: async (stored) => {
        newest = stored;
        await catalog.walProgress.record({
          ...stored,
          store: server.storeName,
        });
        onStored?.(stored);
      },
    });
  } catch (error) {
    if (isProblem(error)) log.warn('Archiving has stopped', { code: error.kind.code });
    throw error;
  } finally {
    beating.abort();
    await beats;
  }
}
