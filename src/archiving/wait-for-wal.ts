/**
 * Waits until the log is stored up to a position: a backup may be called whole only then. Where nobody
 * archives, `archiveUntil()` does it itself, under the same lease, until the position is reached.
 */
import { rungOrTime } from '../kernel/bell.ts';
import type { Clock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import type { ServerName } from '../kernel/ids.ts';
import { compareLsn, isLsn, type Lsn } from '../kernel/lsn.ts';
import { Problem } from '../kernel/problem.ts';
import {
  type ArchivingDeps,
  type ArchivingServer,
  archivingLease,
  createLogBells,
  type LogBells,
} from './deps.ts';
import { ARCHIVING_STALLED, NOT_ARCHIVING } from './problems.ts';
import { archive } from './services.ts';
import { requireOwnStore } from './store-guard.ts';

export interface WaitForStoredWal {
  readonly server: ServerName;
  readonly storeName: string;
  readonly lsn: Lsn;
  readonly catalog: Pick<ArchivingDeps['catalog'], 'walProgress' | 'leases'>;
  /** Where the log may be stored in this very process. Default: it is looked for now and then. */
  readonly bells?: LogBells | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long nothing may be stored before we give up. Default 2 minutes. */
  readonly stallMs?: number;
}

const POLL_MS = 200;
/** So often the tail is asked for at most, for what is waited for may be on its way. Each may be an object. */
const WANTED_MAX = 25;
const STALL_MS = 120_000;
/** A service that is being started again, or has just been, holds no lease for a moment. */
const NOBODY_MS = 15_000;
const LEASE_MS = 60_000;

/**
 * @throws Problem ARCHIVING_NOT_RUNNING when nobody archives the server.
 * @throws Problem ARCHIVING_STALLED when somebody does and nothing has been stored for `stallMs`.
 */
export async function waitForStoredWal(request: WaitForStoredWal): Promise<void> {
  const { server, storeName, lsn, catalog, clock, signal, stallMs = STALL_MS } = request;
  const { bells = createLogBells() } = request;
  let [storedText, changedMs, heldMs] = ['', clock.elapsedMs(), clock.elapsedMs()];
  for (let looks = 0; ; looks += 1) {
    signal.throwIfAborted();
    const rung = bells.stored.next();
    const progress = await catalog.walProgress.find(server, storeName);
    const stored = progress?.storedLsn ?? '';
    if (isLsn(stored) && compareLsn(stored, lsn) >= 0) return;
    const nowMs = clock.elapsedMs();
    if (stored !== storedText) [storedText, changedMs] = [stored, nowMs];
    const holder = await catalog.leases.holderOf(archivingLease(server), utcText(clock.now()));
    if (holder !== undefined) heldMs = nowMs;
    const facts = { server, lsn, storedLsn: stored };
    if (nowMs - heldMs > NOBODY_MS)
      throw new Problem(
        NOT_ARCHIVING,
        `Cannot wait for the WAL of "${server}" up to ${lsn}: nobody archives it`,
        { facts },
      );
    if (nowMs - changedMs > stallMs)
      throw new Problem(
        ARCHIVING_STALLED,
        `Cannot wait for the WAL of "${server}" up to ${lsn}: it has stayed at "${stored}"`,
        { facts },
      );
    askForTail(bells, looks);
    await rungOrTime(clock, rung, { signal, waitMs: POLL_MS });
  }
}

function askForTail({ wanted }: LogBells, askedBefore: number): void {
  if (askedBefore < WANTED_MAX) wanted.ring();
}

export interface ArchiveUntil {
  readonly server: ArchivingServer;
  readonly lsn: Lsn;
  readonly deps: ArchivingDeps;
  /** Who takes the lease: unique to this process. */
  readonly holder: string;
  readonly signal: AbortSignal;
}

/**
 * Resolves when the log is stored up to `lsn`: by waiting where somebody archives, else by archiving.
 * The slot must be older than what is waited for: see `prepareSlot()`. Where another installation writes
 * to the store, neither log nor slot is touched.
 *
 * @throws Problem ARCHIVING_OTHER_KEY, ARCHIVING_STORE_OWNED
 */
export async function archiveUntil(request: ArchiveUntil): Promise<void> {
  const { lsn, deps, holder, signal } = request;
  const { bells = createLogBells() } = request.server;
  const server = { ...request.server, bells };
  const { leases } = deps.catalog;
  const lease = archivingLease(server.name);
  const now = deps.clock.now();
  const taken = await leases.take(lease, holder, leaseEnd(now), utcText(now));
  if (!taken) {
    await waitForOthers(request);
    return;
  }
  const reached = new AbortController();
  const stopping = AbortSignal.any([signal, reached.signal]);
  const renewing = keepLease(lease, holder, deps, stopping).catch((error: unknown) =>
    reached.abort(error),
  );
  const hurrying = hurry(bells, deps, stopping).catch(() => undefined);
  let isReached = false;
  try {
    await requireOwnStore(server, deps, { signal });
    await archive(server, deps, {
      signal: stopping,
      ready: () => undefined,
      heartbeat: false,
      onStored: ({ storedLsn }) => {
        if (compareLsn(storedLsn, lsn) < 0) return;
        isReached = true;
        reached.abort();
      },
    });
  } finally {
    reached.abort();
    await Promise.all([renewing, hurrying]);
    await leases.release(lease, holder);
  }
  signal.throwIfAborted();
  // The lease was lost to another process, which archives now.
  if (!isReached) await waitForOthers(request);
}

async function waitForOthers({ server, lsn, deps, signal }: ArchiveUntil): Promise<void> {
  const { name, storeName, bells } = server;
  await waitForStoredWal({ ...deps, server: name, storeName, bells, lsn, signal });
}

/** Nobody else is there to ask for the tail: it is asked for until it should have been received. */
async function hurry(
  { wanted }: LogBells,
  { clock }: Pick<ArchivingDeps, 'clock'>,
  signal: AbortSignal,
): Promise<void> {
  for (let asked = 0; asked < WANTED_MAX; asked += 1) {
    await clock.sleep(POLL_MS, { signal });
    wanted.ring();
  }
}

async function keepLease(
  lease: string,
  holder: string,
  { catalog, clock }: ArchivingDeps,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      await clock.sleep(LEASE_MS / 3, { signal });
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    const now = clock.now();
    if (!(await catalog.leases.renew(lease, holder, leaseEnd(now), utcText(now))))
      throw new Error(`The lease "${lease}" is lost`);
  }
}

function leaseEnd(now: Temporal.Instant): string {
  return utcText(now.add({ milliseconds: LEASE_MS }));
}
