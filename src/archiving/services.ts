/**
 * The service that archives one server all the time: guards and makes the slot, receives, remembers how
 * far the log is stored, and writes a heartbeat where nothing else happens, so that the archive's newest
 * commit is never old. It ends with the first failure; the supervisor starts it again.
 */

import { WAL_REMOVED } from '../engines/streaming/wal-problems.ts';
import { receiveWal } from '../engines/streaming/wal-receiver.ts';
import type { ReceiveWalRequest, WalConflict } from '../engines/streaming/wal-request.ts';
import type { WalStored } from '../engines/wal-archive.ts';
import { compareLsn, isLsn } from '../kernel/lsn.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Service } from '../kernel/service.ts';
import type { LogHole } from './coverage.ts';
import { type ArchivingDeps, type ArchivingServer, archivingLease } from './deps.ts';
import { noteStore, storeAnswers } from './first-store.ts';
import { beatWhenIdle } from './heartbeat.ts';
import { type HeldSlot, holdSlot } from './hold-slot.ts';
import type { Lack } from './lack.ts';
import { LOG_CONFLICT, openHole } from './log-hole.ts';
import { LOG_HOLE, prepareSlot } from './prepare-slot.ts';
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
  const { slot, systemId, lack } = await prepareSlot(server, deps, { signal });
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
    const request = requestOf({ server, slot, systemId, completeAt: known?.at, news, held }, deps, {
      ...options,
      signal: AbortSignal.any([signal, failed.signal]),
    });
    await receiveAll(request, { server, lack }, deps);
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

/** What the slot does not keep is asked for first; only what the server no longer has is a hole. */
async function receiveAll(
  request: ReceiveWalRequest,
  { server, lack }: { readonly server: ArchivingServer; readonly lack: Lack | undefined },
  deps: ArchivingDeps,
): Promise<void> {
  if (lack === undefined) {
    await receiveWal(request);
    return;
  }
  const { timeline, fromLsn, after } = lack;
  try {
    await receiveWal({ ...request, resume: { timeline, lsn: fromLsn } });
  } catch (error) {
    if (!isProblem(error, WAL_REMOVED) || request.signal.aborted) throw error;
    const why = 'was not kept by the server: no backup taken before can be brought past it';
    const hole = holeOf(lack, error.facts['lsn']);
    // What the slot begins with is gone: no hole before it, and the next attempt says so.
    if (compareLsn(hole.fromLsn, hole.toLsn) < 0)
      await openHole({ server: server.name, code: LOG_HOLE, hole, why, after }, deps);
    await receiveWal(request);
  }
}

/** It begins where the receiver asked: where the server's log was left for a newer timeline, not behind. */
function holeOf(
  { systemId, keptTimeline, fromLsn, toLsn }: Lack,
  asked: string | number | boolean | undefined,
): LogHole {
  const begin = typeof asked === 'string' && isLsn(asked) ? asked : fromLsn;
  return { systemId, timeline: keptTimeline, fromLsn: begin, toLsn };
}

async function noteConflict(
  { segment, ...hole }: WalConflict,
  { server, systemId }: { readonly server: ArchivingServer; readonly systemId: string },
  deps: ArchivingDeps,
): Promise<void> {
  const why = `is stored twice in "${server.storeName}" with different bytes (${segment}): two servers write under this name, and nobody can tell which is true`;
  const told = { server: server.name, hole: { systemId, ...hole }, why };
  await openHole({ ...told, code: LOG_CONFLICT }, deps);
}

interface Receiving {
  readonly server: ArchivingServer;
  readonly slot: string;
  readonly systemId: string;
  readonly completeAt: string | undefined;
  readonly news: News;
  readonly held: HeldSlot | undefined;
}

function requestOf(
  { server, slot, systemId, completeAt, news, held }: Receiving,
  deps: ArchivingDeps,
  { signal, ready, onStored }: ArchiveOptions,
): ReceiveWalRequest {
  const { catalog, clock, listener } = deps;
  const { name, storeName, url, store, ring, tailSeconds, bells } = server;
  return {
    server: name,
    url,
    store,
    ring,
    tailSeconds,
    tailWanted: bells?.wanted,
    slot,
    systemId,
    clock,
    log: deps.log.with({ server: name }),
    signal,
    ready,
    completeAt,
    onObject: (object) => listener?.object(object),
    flushLimit: held?.limit,
    onStored: async (stored) => {
      if (news.newest === undefined) await storeAnswers(server, deps);
      news.newest = stored;
      await catalog.walProgress.record({ ...stored, store: storeName });
      held?.told(stored);
      listener?.progress(stored);
      bells?.stored.ring();
      onStored?.(stored);
    },
    onConflict: async (conflict) => noteConflict(conflict, { server, systemId }, deps),
  };
}
