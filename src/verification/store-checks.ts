/** What is looked at before anything is restored: production, the store, the log. */
import type { BackupSummary } from '../engines/engine.ts';
import type { WalInventory } from '../engines/wal-archive.ts';
import { compareLsn, type Lsn } from '../kernel/lsn.ts';
import { followWal, type WalPath } from '../recovery/coverage.ts';
import type { RecoveryDeps } from '../recovery/deps.ts';
import { couldNotTell, otherStore, type Seen, STORED_LOG } from './checks.ts';
import type { TimedTruth } from './production-timeline.ts';
import { type Proving, roundSeconds } from './proving.ts';
import { isOwnPoint, neededLsn, type Truth } from './truth.ts';

/** How long production's log may take to be stored. */
const STORED_LIMIT_MS = 10 * 60_000;

/** The check that is about every backup in the store. */
export const MANIFESTS = 'Manifests';

export function noteManifests({ book, plan }: Proving): void {
  const [first, ...others] = plan.unreadable;
  const { damagedFiles } = plan.base;
  if (first !== undefined) {
    const more = others.length === 0 ? '' : `, and ${others.length} more`;
    const detail = `the manifest "${first.key}" cannot be read: ${first.reason}${more}`;
    book.note(MANIFESTS, { verdict: 'FAIL', detail });
  } else if (damagedFiles.length > 0) {
    const detail = `production reported wrong page checksums while it was backed up: ${damagedFiles.join(', ')}`;
    book.note(MANIFESTS, { verdict: 'FAIL', detail });
  } else {
    const detail = `backup ${plan.base.backupId} and its manifest are authentic`;
    book.note(MANIFESTS, { verdict: 'PASS', detail });
  }
}

/** A copy elsewhere was not looked at, or could not be: the reader must not believe that it was proved. */
export function notePassedOver({ book, plan }: Proving): void {
  for (const { store, verdict, reason } of plan.passedOver)
    book.note(otherStore(store), { verdict, detail: `it was not proved: ${reason}` });
}

export async function checkObjects({ deps, plan, run, book, store }: Proving): Promise<void> {
  const { engine, ring } = deps.recovery;
  await run.step('Check the stored objects', async ({ signal }) =>
    book.look('Stored objects', async () => {
      const place = { store: store.store, ring, summary: plan.base, signal };
      // The restore itself reads and authenticates every byte; this names what is missing first.
      const { packs, damage } = await engine.checkObjects({ ...place, depth: 'first frame' });
      if (damage.length > 0) return { verdict: 'FAIL', detail: damage.slice(0, 5).join('; ') };
      return { verdict: 'PASS', detail: `${packs} packs are there, with the size they must have` };
    }),
  );
}

/** Not getting there is no verdict yet: how far the log is stored is looked at next. */
export async function waitForLog({ deps, plan, run, store }: Proving, truth: Truth): Promise<void> {
  const { server } = plan;
  const lsn = neededLsn(truth);
  await run.step('Wait until its log is stored', async (step) => {
    step.progress({ note: `up to ${lsn}` });
    const signal = AbortSignal.any([step.signal, AbortSignal.timeout(STORED_LIMIT_MS)]);
    const holder = `verify:${run.id}`;
    await deps.untilStored({ server, store, lsn, holder, signal }).catch((error: unknown) => {
      step.signal.throwIfAborted();
      run.log.warn('The log did not get into the store', { error: String(error) });
    });
  });
}

export async function readRpo({ deps, plan }: Proving): Promise<number | null> {
  const progress = await deps.catalog.walProgress.find(plan.server, plan.store);
  if (progress === undefined) return null;
  const now = deps.recovery.clock.now().epochMilliseconds;
  const at = Temporal.Instant.from(progress.at).epochMilliseconds;
  return roundSeconds(Math.max(0, now - at) / 1000);
}

export interface FoundPath extends WalPath {
  /** Retention has left the backup no more than its own log: nothing after it can be reached. */
  readonly isAlone: boolean;
  /** It does not lead onto the timeline of what the copy is compared with. */
  readonly isElsewhere: boolean;
}

export interface PathRequest extends Pick<Proving, 'book' | 'store'> {
  readonly plan: Pick<Proving['plan'], 'server'> & {
    readonly base: Pick<
      Proving['plan']['base'],
      'major' | 'systemId' | 'segmentBytes' | 'timeline' | 'beginLsn' | 'endLsn'
    >;
  };
  readonly run: Pick<Proving['run'], 'signal'>;
  readonly deps: {
    readonly recovery: Pick<RecoveryDeps, 'ring' | 'storesOf'> & {
      readonly walArchive: Pick<RecoveryDeps['walArchive'], 'inventory'>;
    };
  };
}

/**
 * As far as the log leads by now. Undefined: the backup's own is not whole. That is no verdict yet, and nothing is
 * written down: what is missing may be stored by the time production has answered.
 */
export async function findEarlyPath(request: PathRequest): Promise<WalPath | undefined> {
  const { plan, run } = request;
  try {
    const path = followWal(plan.base, await readInventory(request));
    return path !== undefined && isWhole(path, plan.base) ? path : undefined;
  } catch {
    // `Stored log` says why.
    run.signal.throwIfAborted();
    return undefined;
  }
}

async function readInventory({ deps, plan, run, store }: PathRequest): Promise<WalInventory> {
  const { walArchive, ring } = deps.recovery;
  const { major, systemId, segmentBytes } = plan.base;
  const folder = { server: plan.server, major, systemId };
  const place = { store: store.store, ring, folder, signal: run.signal };
  return await walArchive.inventory({ ...place, segmentBytes });
}

function isWhole({ toLsn }: WalPath, { endLsn }: Pick<BackupSummary, 'endLsn'>): boolean {
  return compareLsn(toLsn, endLsn) >= 0;
}

/** The unbroken log behind the backup. Undefined: not even the backup's own is whole. */
export async function findPath(
  request: PathRequest,
  { truth, timeline }: TimedTruth,
): Promise<FoundPath | undefined> {
  const { deps, plan, book, store } = request;
  const { server, base } = plan;
  let path: FoundPath | undefined;
  await book.look(STORED_LOG, async () => {
    const inventory = await readInventory(request);
    const found = followWal(base, inventory, timeline);
    if (found === undefined || !isWhole(found, base)) {
      const missing = sayMissing(found?.missing ?? inventory.missing);
      const detail = `the log that makes the backup whole is not all there${missing}`;
      return { verdict: 'FAIL', detail };
    }
    const isAlone = found.thinned === true;
    const wanted = isAlone || found.timeline === timeline ? undefined : timeline;
    path = { ...found, isAlone, isElsewhere: wanted !== undefined };
    const isFirst = deps.recovery.storesOf(server)[0]?.name === store.name;
    const own = `${found.fromLsn} to ${found.toLsn}`;
    const needed = truth === undefined ? undefined : neededLsn(truth);
    const isOwn = isOwnPoint(truth);
    // Nothing is damaged where retention has left a backup no more than its own log.
    if (isAlone && (!isOwn || compareLsn(found.toLsn, truth.point.untilLsn) >= 0))
      return { verdict: 'PASS', detail: `${own}, its own log: what came after was thinned out` };
    return judgePath(found, needed, { isFirst, isOwn, wanted });
  });
  return path;
}

interface PathFacts {
  readonly isFirst: boolean;
  readonly isOwn: boolean;
  /** Production's timeline, where the log does not lead onto it. */
  readonly wanted: number | undefined;
}

function judgePath(
  path: WalPath,
  needed: Lsn | undefined,
  { isFirst, isOwn, wanted }: PathFacts,
): Seen {
  const range = `${path.fromLsn} to ${path.toLsn}`;
  if (path.broken)
    return { verdict: 'FAIL', detail: `${range}, then a hole${sayMissing(path.missing)}` };
  // As good as late: the log of a promoted server is stored a little after it was promoted.
  if (wanted !== undefined) return couldNotTell(new Error(sayElsewhere(path, wanted)));
  if (needed !== undefined && compareLsn(path.toLsn, needed) < 0) {
    if (isOwn)
      return { verdict: 'FAIL', detail: `${range} only, its proof point needs it up to ${needed}` };
    const detail = `${range} only, production is at ${needed}`;
    // Late is not damaged: what has not been copied there yet says nothing of what has.
    return isFirst
      ? { verdict: 'FAIL', detail }
      : { verdict: 'ERROR', detail: `${detail}: the copy is late` };
  }
  return { verdict: 'PASS', detail: `${range}, no holes` };
}

function sayElsewhere({ fromLsn, toLsn, timeline }: WalPath, wanted: number): string {
  return `${fromLsn} to ${toLsn} on timeline ${timeline}, production is on timeline ${wanted}, and what is stored does not lead there`;
}

function sayMissing(names: readonly string[]): string {
  if (names.length === 0) return '';
  const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
  return `: ${names.slice(0, 3).join(', ')}${more}`;
}
