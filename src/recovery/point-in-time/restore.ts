/**
 * Restores one backup into a scratch cluster and replays it to a target. Everything that could outlive
 * this process is claimed before it is made; whatever fails or is cancelled leaves nothing running and
 * nothing on disk. The cluster that comes out stands at the target, paused, until it is opened.
 */
import { dirname } from 'node:path';

import { makeScratchFolders } from '../../clusters/folders.ts';
import { placeJson, planScratchPlace, type ScratchPlace } from '../../clusters/place.ts';
import { assertRoom, freeBytes, roomNeeded } from '../../clusters/room.ts';
import type { ScratchCluster } from '../../clusters/scratch-cluster.ts';
import { destroyScratch, SCRATCH_CLUSTER } from '../../clusters/teardown.ts';
import type { BackupSummary } from '../../engines/engine.ts';
import type { Run, Step } from '../../gate/operation.ts';
import type { ServerName } from '../../kernel/ids.ts';
import { compareLsn, type Lsn, lsnBytes } from '../../kernel/lsn.ts';
import { formatUtc } from '../../kernel/moment.ts';
import type { Problem } from '../../kernel/problem.ts';
import { formatBytes } from '../../kernel/size.ts';
import type { WalPath } from '../coverage.ts';
import type { NamedStore, RecoveryDeps } from '../deps.ts';
import type { Target } from '../target.ts';
import { readFromStores } from '../wal-sources.ts';
import { CopyReplay, type Standing } from './copy-replay.ts';
import { explainFailure } from './failures.ts';
import { assertStandsAt } from './go-on.ts';
import { openCopy } from './open-copy.ts';
import { readCopy } from './read-copy.ts';
import type { Reached } from './replay.ts';
import { openRestoreNotes, type RestoreNotes } from './restore-notes.ts';
import type { CopyAccess } from './restored-copy.ts';

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
  /**
   * Where it is known only later where the copy has to stand: asked once the files are read, before anything is
   * replayed. `path` and `target` are then what is known so far, and decide how much room is required before the
   * files are read. Default: they stand.
   */
  readonly aim?: (() => Promise<Aim>) | undefined;
  /** The database whose URL is answered; default: the one in the server's URL. */
  readonly database?: string | undefined;
  /** Absolute; the data directory stands there, and its writes are made durable. */
  readonly into?: string | undefined;
}

/** What is replayed, and to where. */
export type Aim = Pick<ScratchRestoreRequest, 'path' | 'target'>;

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
  /**
   * Brings the copy on to a later position of the same path, and not one record further, where it stands
   * paused again. PostgreSQL is started again for it: sessions in it end. Answers the copy as it stands
   * then; this one is spent but for `discard()`, which is the same for both. What fails or is cancelled
   * leaves nothing running and nothing on disk.
   *
   * @throws Problem TARGET_NOT_REACHED when the stored log ends before `lsn`; what `restoreToScratch()`
   * throws; a TypeError when `lsn` lies before where it stands.
   */
  goOn(lsn: Lsn, options: { readonly signal: AbortSignal }): Promise<ScratchRestore>;
  /** Ends it, removes everything, and releases the claim; a second time there is nothing to do. */
  discard(): Promise<void>;
}

export interface StepTime {
  readonly title: string;
  readonly seconds: number;
}

/** @throws Problem CLUSTER_*, TARGET_*, WAL_*, RECOVERY_FAILED, what the engine throws and what `aim()` does. */
export async function restoreToScratch(
  deps: RecoveryDeps,
  request: ScratchRestoreRequest,
  run: Run,
): Promise<ScratchRestore> {
  const { base } = request;
  const root = deps.scratch.path;
  const place = planScratchPlace({ root, name: run.id, into: request.into });
  await requireRoom(deps, request, base.sourceBytes);
  const claimId = await run.claim({ kind: SCRATCH_CLUSTER, reference: placeJson(place) });
  async function discard(): Promise<void> {
    await destroyScratch(place);
    await run.release(claimId);
  }
  const { server, store, others = [], walStores = [store], database, into } = request;
  // A scratch copy would not be trusted after a power cut: waiting for the disk is for nothing.
  const durable = into !== undefined;
  const notes = openRestoreNotes(deps, { server, log: run.log });
  const troubles = new Map<string, Problem>();
  const readWal = readFromStores(deps, {
    base,
    stores: walStores,
    tell: ({ name, ...trouble }) => {
      troubles.set(name, trouble.problem);
      notes.note({ ...trouble, what: `WAL file ${name}` });
    },
  });
  try {
    await makeScratchFolders(place, deps.scratch.user);
    const restoring = await timed(deps, run, readTitle(request), async (step) =>
      readCopy(deps, { base, stores: [store, ...others], place, durable, notes, step }, run),
    );
    const aim = await aimOf(deps, request);
    const { path, target } = aim;
    const replay = new CopyReplay(deps, {
      server,
      base,
      path,
      database,
      place,
      readWal,
      troubleOf: (name) => troubles.get(name),
      durable,
    });
    const replaying = await timed(deps, run, replayTitle(target), async (step) =>
      replay.standAt(firstTarget(base, aim), step),
    );
    await notes.keep();
    const steps = [restoring.time, replaying.time];
    const [restoreSeconds = 0, replaySeconds = 0] = steps.map(({ seconds }) => seconds);
    const measured = { restoreSeconds, replaySeconds };
    const same = { place, claimId, discard, steps, warnings: notes.warnings, measured };
    return standingCopy({ deps, replay, notes, durable, same }, replaying.answer);
  } catch (error) {
    const told = await explainFailure(error, place);
    await discard();
    await notes.keep();
    run.signal.throwIfAborted();
    throw told;
  }
}

/** Nothing begins behind a thinned base's end but the switch to the next segment, so its own log is enough. */
function firstTarget(base: BackupSummary, { path, target }: Aim): Target {
  // A position is asked for by itself only where that log reaches: its end, or its proof point's.
  if (path.thinned !== true || target.kind === 'lsn') return target;
  return { kind: 'lsn', asked: base.endLsn, lsn: base.endLsn };
}

interface Kept {
  readonly deps: RecoveryDeps;
  readonly replay: CopyReplay;
  readonly notes: RestoreNotes;
  readonly durable: boolean;
  /** What does not change when the copy goes on. */
  readonly same: Pick<
    ScratchRestore,
    'place' | 'claimId' | 'discard' | 'steps' | 'warnings' | 'measured'
  >;
}

function standingCopy(kept: Kept, standing: Standing): ScratchRestore {
  const { deps, durable, same } = kept;
  const { cluster, access, reached, how } = standing;
  const copy: ScratchRestore = {
    ...same,
    ...access,
    cluster,
    reached,
    how,
    async open({ signal }) {
      await using session = await deps.connect(access.url, { signal });
      await openCopy(session, { how, durable, clock: deps.clock, signal });
    },
    async goOn(lsn, { signal }) {
      if (lsn === reached.lsn) return copy;
      return standingCopy(kept, await goOnTo(kept, standing, { lsn, signal }));
    },
  };
  return copy;
}

async function goOnTo(
  { replay, notes, same }: Kept,
  { cluster, reached }: Standing,
  { lsn, signal }: { readonly lsn: Lsn; readonly signal: AbortSignal },
): Promise<Standing> {
  if (compareLsn(lsn, reached.lsn) < 0)
    throw new TypeError(`The copy stands at ${reached.lsn} and cannot go back to ${lsn}`);
  try {
    signal.throwIfAborted();
    await cluster.stop();
    const target: Target = { kind: 'lsn', asked: lsn, lsn };
    const standing = await replay.standAt(target, { signal, progress: () => undefined });
    assertStandsAt(standing, lsn);
    await notes.keep();
    // PostgreSQL only knows of transactions that were replayed since it was started.
    const at = standing.reached.at ?? reached.at;
    return { ...standing, reached: { ...standing.reached, at } };
  } catch (error) {
    const told = await explainFailure(error, same.place);
    await same.discard();
    await notes.keep();
    signal.throwIfAborted();
    throw told;
  }
}

async function requireRoom(
  { scratch }: RecoveryDeps,
  { path, into }: Pick<ScratchRestoreRequest, 'path' | 'into'>,
  fileBytes: number,
): Promise<void> {
  const walBytes = Number(lsnBytes(path.toLsn) - lsnBytes(path.fromLsn));
  const folder = into === undefined ? scratch.path : dirname(into);
  const needed = roomNeeded(fileBytes, walBytes);
  assertRoom(folder, { needed, free: await freeBytes(folder) });
}

/** More log than was stored before needs more room: the files are there by now, and have theirs. */
async function aimOf(deps: RecoveryDeps, request: ScratchRestoreRequest): Promise<Aim> {
  if (request.aim === undefined) return request;
  const aim = await request.aim();
  const isLonger = compareLsn(aim.path.toLsn, request.path.toLsn) > 0;
  if (isLonger) await requireRoom(deps, { ...request, path: aim.path }, 0);
  return aim;
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

function replayTitle(target: Target): string {
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
