/**
 * Restores one backup into a scratch cluster and replays it to a target. Everything that could outlive
 * this process is claimed before it is made; whatever fails or is cancelled leaves nothing running and
 * nothing on disk. The cluster that comes out stands at the target, paused, until it is opened.
 */
import { dirname, join } from 'node:path';

import { makeScratchFolders } from '../../clusters/folders.ts';
import { placeJson, planScratchPlace, type ScratchPlace } from '../../clusters/place.ts';
import {
  DEFAULT_REPLAY_SETTINGS,
  largerSettings,
  readControlSettings,
} from '../../clusters/replay-settings.ts';
import { assertRoom, freeBytes, roomNeeded } from '../../clusters/room.ts';
import { type ScratchCluster, startScratchCluster } from '../../clusters/scratch-cluster.ts';
import { destroyScratch, SCRATCH_CLUSTER } from '../../clusters/teardown.ts';
import type { BackupSummary } from '../../engines/engine.ts';
import type { Run, Step } from '../../gate/operation.ts';
import type { ServerName } from '../../kernel/ids.ts';
import { lsnBytes } from '../../kernel/lsn.ts';
import { formatUtc } from '../../kernel/moment.ts';
import { Problem } from '../../kernel/problem.ts';
import { formatBytes } from '../../kernel/size.ts';
import type { WalPath } from '../coverage.ts';
import type { NamedStore, RecoveryDeps } from '../deps.ts';
import { RECOVERY_FAILED, SERVER_UNKNOWN } from '../problems.ts';
import { namesInUrl } from '../server-url.ts';
import type { Target } from '../target.ts';
import { type FetchWal, fetchFromStores } from '../wal-sources.ts';
import { explainFailure } from './failures.ts';
import { openCopy } from './open-copy.ts';
import { readCopy } from './read-copy.ts';
import { type ReplayTarget, recoverySettings } from './recovery-settings.ts';
import { followReplay, type Reached } from './replay.ts';
import { openRestoreNotes } from './restore-notes.ts';
import { type CopyAccess, findCopyAccess } from './restored-copy.ts';
import { openWalFeed } from './wal-feed.ts';

/** The primary can raise its settings this often within the replayed log. */
const STARTS_MAX = 6;
/** A restore command that has nothing: what was fetched before lies in the copy's own folder. */
const NO_MORE_WAL = 'exit 1';

export interface ScratchRestoreRequest {
  readonly server: ServerName;
  /** The best copy's. */
  readonly store: NamedStore;
  /** Other stores that hold the backup, the best first: where the first fails on the way. */
  readonly others?: readonly NamedStore[];
  /** Where its log is read, in this order; default: from `store` alone, which then is what is proved. */
  readonly walStores?: readonly NamedStore[];
  readonly base: BackupSummary;
  readonly path: WalPath;
  readonly target: Target;
  /** The database whose URL is answered; default: the one in the server's URL. */
  readonly database?: string | undefined;
  /** Absolute; the data directory stands there, and its writes are made durable. */
  readonly into?: string | undefined;
}

export interface ScratchRestore extends CopyAccess {
  readonly cluster: ScratchCluster;
  readonly place: ScratchPlace;
  /** Hand the cluster over to somebody, then release this; or `discard()`. */
  readonly claimId: string;
  readonly reached: Reached;
  /** `end of log`: nothing was committed between there and the target, as far as the log is stored. */
  readonly how: 'target' | 'end of log';
  readonly steps: readonly StepTime[];
  /** What one store could not give and another did; empty: nothing was wrong. */
  readonly warnings: readonly string[];
  /** For forecasts. */
  readonly measured: { readonly restoreSeconds: number; readonly replaySeconds: number };
  /**
   * Opens it for reading and writing: see `open-copy.ts`. While it is paused, a table that was just
   * being changed at the target may be locked.
   */
  open(options: { readonly signal: AbortSignal }): Promise<void>;
  /** Ends it, removes everything, and releases the claim. */
  discard(): Promise<void>;
}

export interface StepTime {
  readonly title: string;
  readonly seconds: number;
}

/** @throws Problem CLUSTER_*, TARGET_*, WAL_*, RECOVERY_FAILED and what the engine throws. */
export async function restoreToScratch(
  deps: RecoveryDeps,
  request: ScratchRestoreRequest,
  run: Run,
): Promise<ScratchRestore> {
  const { base } = request;
  const root = deps.scratch.path;
  const place = planScratchPlace({ root, name: run.id, into: request.into });
  await requireRoom(deps, request);
  const claimId = await run.claim({ kind: SCRATCH_CLUSTER, reference: placeJson(place) });
  async function discard(): Promise<void> {
    await destroyScratch(place);
    await run.release(claimId);
  }
  const { server, store, others = [], walStores = [store] } = request;
  const notes = openRestoreNotes(deps, { server, log: run.log });
  const fetch = fetchFromStores(deps, {
    base,
    stores: walStores,
    tell: ({ name, ...trouble }) => notes.note({ ...trouble, what: `WAL file ${name}` }),
  });
  try {
    await makeScratchFolders(place, deps.scratch.user);
    const restoring = await timed(deps, run, readTitle(request), async (step) =>
      readCopy(deps, { base, stores: [store, ...others], place, notes, step }, run),
    );
    const replaying = await timed(deps, run, replayTitle(request), async (step) =>
      startAndReplay(deps, request, { place, step, fetch }),
    );
    await notes.keep();
    const { cluster, access, reached, how } = replaying.answer;
    return {
      ...access,
      cluster,
      place,
      claimId,
      reached,
      how,
      discard,
      async open({ signal }) {
        await using session = await deps.connect(access.url, { signal });
        await openCopy(session, { clock: deps.clock, signal });
      },
      steps: [restoring.time, replaying.time],
      warnings: notes.warnings,
      measured: {
        restoreSeconds: restoring.time.seconds,
        replaySeconds: replaying.time.seconds,
      },
    };
  } catch (error) {
    const told = await explainFailure(error, place);
    await discard();
    await notes.keep();
    run.signal.throwIfAborted();
    throw told;
  }
}

async function requireRoom(
  { scratch }: RecoveryDeps,
  { base, path, into }: ScratchRestoreRequest,
): Promise<void> {
  const walBytes = Number(lsnBytes(path.toLsn) - lsnBytes(path.fromLsn));
  const folder = into === undefined ? scratch.path : dirname(into);
  const needed = roomNeeded(base.sourceBytes, walBytes);
  assertRoom(folder, { needed, free: await freeBytes(folder) });
}

interface Timed<T> {
  readonly answer: T;
  readonly time: StepTime;
}

async function timed<T>(
  { clock }: RecoveryDeps,
  run: Run,
  title: string,
  work: (step: Step) => Promise<T>,
): Promise<Timed<T>> {
  const beganMs = clock.elapsedMs();
  const answer = await run.step(title, work);
  return { answer, time: { title, seconds: (clock.elapsedMs() - beganMs) / 1000 } };
}

function readTitle({ base, store }: ScratchRestoreRequest): string {
  return `Read ${formatBytes(base.storedBytes)} from ${store.name}`;
}

function replayTitle({ target }: ScratchRestoreRequest): string {
  switch (target.kind) {
    case 'time':
      return `Replay to ${formatUtc(Temporal.Instant.from(target.at))}`;
    case 'lsn':
      return `Replay to log position ${target.lsn}`;
    case 'xid':
      return `Replay to just before transaction ${target.xid}`;
    case 'latest':
      return 'Replay to the newest moment';
    default:
      throw new TypeError(`Unreachable target: ${JSON.stringify(target satisfies never)}`);
  }
}

interface Workplace {
  readonly place: ScratchPlace;
  readonly step: Step;
  readonly fetch: FetchWal;
}

interface Standing {
  readonly cluster: ScratchCluster;
  readonly access: CopyAccess;
  readonly reached: Reached;
  readonly how: 'target' | 'end of log';
}

async function startAndReplay(
  deps: RecoveryDeps,
  request: ScratchRestoreRequest,
  workplace: Workplace,
): Promise<Standing> {
  const { base, path } = request;
  // Nothing begins behind its end but the switch to the next segment, so its own log is enough.
  let target: ReplayTarget =
    path.thinned === true ? { kind: 'lsn', asked: base.endLsn, lsn: base.endLsn } : request.target;
  let stood: Reached | undefined;
  for (let attempt = 1; attempt <= STARTS_MAX; attempt += 1) {
    const standing = await replayOnce(deps, request, { ...workplace, attempt, target });
    if (standing === undefined) continue;
    if (stood !== undefined) return standAgain(standing, stood);
    if (standing.how === 'target' || target.kind === 'latest') return standing;
    // PostgreSQL never opens where its target was not met, even if nothing can lie before it. The
    // stored log may have grown meanwhile: it must stand where it stands now and go no further.
    await standing.cluster.stop();
    stood = standing.reached;
    target = { kind: 'where it stood', lsn: stood.lsn };
  }
  throw new Problem(
    RECOVERY_FAILED,
    'Cannot replay: the settings that replay needs were raised again and again',
  );
}

/** @throws Problem RECOVERY_FAILED when it went further than it had stood. */
function standAgain(standing: Standing, stood: Reached): Standing {
  const { lsn } = standing.reached;
  if (lsn === stood.lsn) return { ...standing, reached: stood };
  throw new Problem(
    RECOVERY_FAILED,
    `Cannot hold the copy at ${stood.lsn}: it went on to ${lsn} when it was started again`,
  );
}

interface Attempt extends Workplace {
  readonly attempt: number;
  readonly target: ReplayTarget;
}

/** Undefined: the primary raised a setting; start again, the control file now says so. */
async function replayOnce(
  deps: RecoveryDeps,
  request: ScratchRestoreRequest,
  { place, step, fetch, attempt, target }: Attempt,
): Promise<Standing | undefined> {
  const { base, path } = request;
  const { clock, scratch } = deps;
  await using feed = await openWalFeed({
    spool: join(place.folder, `spool-${attempt}`),
    user: scratch.user,
    path,
    segmentBytes: base.segmentBytes,
    fetch,
    clock,
    signal: step.signal,
  });
  const signal = AbortSignal.any([step.signal, feed.failed]);
  const control = await readControlSettings(place.dataDirectory);
  const cluster = await startScratchCluster({
    place,
    programs: await deps.programsFor(base.major, { signal }),
    user: scratch.user,
    settings: largerSettings(DEFAULT_REPLAY_SETTINGS, control ?? DEFAULT_REPLAY_SETTINGS),
    recovery: recoverySettings({
      target,
      restoreCommand: target.kind === 'where it stood' ? NO_MORE_WAL : feed.restoreCommand,
      major: base.major,
      broken: path.broken,
      timeline: path.timeline === base.timeline ? 'current' : path.timeline,
    }),
    mode: 'replay',
    durable: request.into !== undefined,
    clock,
  });
  const total = Number(lsnBytes(path.toLsn) - lsnBytes(path.fromLsn));
  function progress(lsn: bigint): void {
    const done = Number(lsn - lsnBytes(path.fromLsn));
    step.progress({ doneBytes: Math.max(0, Math.min(done, total)), totalBytes: total });
  }
  await cluster.waitReady({ signal, onWait: () => progress(lsnBytes(feed.handedTo())) });
  const access = await enterCopy(deps, request, { cluster, signal });
  await using session = await deps.connect(access.url, { signal });
  const end = await followReplay({
    cluster,
    session,
    feed,
    target,
    path,
    clock,
    signal,
    segmentBytes: base.segmentBytes,
    onProgress: (lsn) => progress(lsnBytes(lsn)),
  });
  if (end.outcome === 'settings too small') {
    await cluster.stop();
    return undefined;
  }
  await feed.finish();
  return { cluster, access, reached: end.state, how: end.how };
}

async function enterCopy(
  { servers, connect }: RecoveryDeps,
  { server, database }: ScratchRestoreRequest,
  { cluster, signal }: { readonly cluster: ScratchCluster; readonly signal: AbortSignal },
): Promise<CopyAccess> {
  const known = servers.get(server);
  if (known === undefined)
    throw new Problem(SERVER_UNKNOWN, `Cannot restore "${server}": the config does not name it`);
  const names = namesInUrl(known.url);
  return findCopyAccess({
    cluster,
    connect,
    signal,
    role: names.role,
    database: database ?? names.database,
  });
}
