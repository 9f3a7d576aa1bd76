/**
 * Asks the stores what there is to start from, and chooses. The store is the truth; the catalogue only
 * adds up to which moment the log is known to be complete, and which copies were found bad. All stores
 * are looked at together: a backup may come from one of them and its log from another.
 */
import { z } from 'zod';

import type { BackupListing, BackupSummary, Engine } from '../engines/engine.ts';
import { joinInventories } from '../engines/joined-wal.ts';
import { noneReadable } from '../engines/unreadable.ts';
import type { WalArchive, WalInventory } from '../engines/wal-archive.ts';
import type { ServerName } from '../kernel/ids.ts';
import { compareLsn, isLsn, toLsn } from '../kernel/lsn.ts';
import { isProblem, type Problem } from '../kernel/problem.ts';
import { type BaseChoice, chooseBase, type WalKnown } from './choose-base.ts';
import { type Copy, chooseCopies, failedOnly, sayCopies } from './copies.ts';
import { followWal } from './coverage.ts';
import type { NamedStore, RecoveryDeps } from './deps.ts';
import type { Target } from './target.ts';

/** Longer than a living receiver takes to hear from an idle server. */
const SETTLE_MS = 35_000;
const ATTEMPT_MS = 500;
/** A receiver that told of nothing for longer is not at work: waiting for it is in vain. */
const ALIVE_MS = 60_000;

/** What it asks, of all that recovery is made of. */
export interface SurveyDeps extends Pick<RecoveryDeps, 'ring' | 'storesOf' | 'clock'> {
  readonly engine: Pick<Engine, 'listBackups'>;
  readonly walArchive: Pick<WalArchive, 'inventory'>;
  readonly catalog: Pick<RecoveryDeps['catalog'], 'walProgress' | 'backups' | 'findings'>;
}

export interface Survey {
  readonly choice: BaseChoice;
  /** That hold the chosen backup, the best first; empty: none was chosen. */
  readonly stores: readonly NamedStore[];
  /** That have log of its cluster, in the order of the config. */
  readonly walStores: readonly NamedStore[];
  /** That could not be looked at: there may be more in them. */
  readonly passedOver: readonly string[];
  readonly warnings: readonly string[];
}

export interface Wanted {
  readonly server: ServerName;
  readonly target: Target;
}

/**
 * `surveyStores()`, for a person who asks for a moment that has only just passed: the log of that moment
 * is on its way, so a refusal waits until a living receiver has stored it.
 */
export async function surveyOnceStored(
  deps: SurveyDeps,
  asked: Wanted,
  { signal }: { readonly signal: AbortSignal },
): Promise<Survey> {
  const beganMs = deps.clock.elapsedMs();
  for (;;) {
    const survey = await surveyStores(deps, asked, { signal });
    if (!isOnItsWay(survey.choice, deps.clock.now())) return survey;
    if (deps.clock.elapsedMs() - beganMs > SETTLE_MS) return survey;
    await deps.clock.sleep(ATTEMPT_MS, { signal });
  }
}

function isOnItsWay(choice: BaseChoice, now: Temporal.Instant): boolean {
  if (choice.outcome !== 'after last wal' || choice.at === undefined) return false;
  return now.epochMilliseconds - choice.at.epochMilliseconds < ALIVE_MS;
}

/**
 * A store that cannot be read is passed over and told of.
 *
 * @throws Problem STORAGE_*, KEY_*, DECRYPTION_FAILED when no backup can be found because of it.
 */
export async function surveyStores(
  deps: SurveyDeps,
  { server, target }: Wanted,
  { signal }: { readonly signal: AbortSignal },
): Promise<Survey> {
  const looked = await lookAt(deps, server, signal);
  const { seen, failures } = looked;
  const summaries = seen.flatMap(({ listing }) => listing.backups);
  if (summaries.length === 0 && failures[0] !== undefined) throw failures[0].problem;
  const failed = await failedCopies(deps, server);
  const copies = seen.flatMap(({ store, listing }) =>
    listing.backups.map((summary): Copy => {
      const isFailed = failed.has(`${store.name} ${summary.backupId}`);
      return { store, summary, isFailed };
    }),
  );
  const logs = joinLogs(seen, segmentSizes(summaries));
  const choice = chooseBase(
    {
      backups: chooseCopies(copies).map(([{ summary }]) => summary),
      inventories: logs,
      progress: await knownProgress(deps, server, seen),
      beyond: await toldHoles(deps, server),
      failed: failedOnly(copies),
      now: deps.clock.now(),
    },
    target,
  );
  const warnings = [
    ...failures.map(
      ({ store, problem }) => `Store ${store.name} cannot be used: ${problem.message}.`,
    ),
    ...seen.flatMap(({ listing }) =>
      listing.unreadable.map(({ key, reason }) => `Backup "${key}" cannot be read: ${reason}.`),
    ),
    ...sayCopies(copies, choice),
    ...sayLog(seen, choice),
  ];
  const chosen = choice.outcome === 'found' ? choice.base : undefined;
  return {
    choice,
    stores: chosen === undefined ? [] : storesWith(copies, chosen),
    walStores: seen
      .filter(({ logs: own }) => chosen !== undefined && own.has(chosen.systemId))
      .map(({ store }) => store),
    passedOver: failures.map(({ store }) => store.name),
    warnings,
  };
}

interface Seen {
  readonly store: NamedStore;
  readonly listing: BackupListing;
  /** By system identifier: of every cluster that any store has backups of. */
  readonly logs: ReadonlyMap<string, WalInventory>;
}

interface Failure {
  readonly store: NamedStore;
  readonly problem: Problem;
}

async function lookAt(
  deps: SurveyDeps,
  server: ServerName,
  signal: AbortSignal,
): Promise<{ readonly seen: readonly Seen[]; readonly failures: readonly Failure[] }> {
  const failures: Failure[] = [];
  const listings: Omit<Seen, 'logs'>[] = [];
  const stores = deps.storesOf(server);
  if (stores.length === 0) throw new TypeError(`Server "${server}" has no stores`);
  async function attempt(store: NamedStore, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!isProblem(error)) throw error;
      failures.push({ store, problem: error });
    }
  }
  for (const store of stores)
    await attempt(store, async () => {
      const access = { store: store.store, ring: deps.ring, signal };
      const listing = await deps.engine.listBackups({ ...access, server });
      const locked = noneReadable(listing, `restore "${server}"`, store.name);
      if (locked !== undefined) throw locked;
      listings.push({ store, listing });
    });
  const clusters = clustersOf(listings.flatMap(({ listing }) => listing.backups));
  const seen: Seen[] = [];
  for (const one of listings)
    await attempt(one.store, async () => {
      const access = { store: one.store.store, ring: deps.ring, signal };
      const logs = new Map<string, WalInventory>();
      for (const cluster of clusters)
        logs.set(cluster.systemId, await takeInventory(deps, access, cluster));
      seen.push({ ...one, logs });
    });
  return { seen, failures };
}

function clustersOf(backups: readonly BackupSummary[]): readonly BackupSummary[] {
  return [...new Map(backups.map((backup) => [backup.systemId, backup])).values()];
}

function segmentSizes(backups: readonly BackupSummary[]): ReadonlyMap<string, number> {
  return new Map(backups.map(({ systemId, segmentBytes }) => [systemId, segmentBytes]));
}

function joinLogs(
  seen: readonly Seen[],
  sizes: ReadonlyMap<string, number>,
): ReadonlyMap<string, WalInventory> {
  const joined = new Map<string, WalInventory>();
  for (const [systemId, segmentBytes] of sizes) {
    const own = seen.flatMap(({ logs }) => logs.get(systemId) ?? []);
    const [only] = own;
    const isAlone = own.length === 1 && only !== undefined;
    joined.set(systemId, isAlone ? only : joinInventories(own, segmentBytes));
  }
  return joined;
}

function storesWith(copies: readonly Copy[], base: BackupSummary): readonly NamedStore[] {
  const found = chooseCopies(copies).find(
    ([{ summary }]) => summary.backupId === base.backupId && summary.systemId === base.systemId,
  );
  return (found ?? []).map(({ store }) => store);
}

/** Of stores that should have had it all: one that comes later in the config may be a little behind. */
function sayLog(seen: readonly Seen[], choice: BaseChoice): readonly string[] {
  if (choice.outcome !== 'found') return [];
  const { base, path } = choice;
  const ends = seen.map(({ store, logs }) => {
    const inventory = logs.get(base.systemId);
    const own = inventory === undefined ? undefined : followWal(base, inventory);
    return { store, own, isWhole: own !== undefined && compareLsn(own.toLsn, path.toLsn) >= 0 };
  });
  const lastWhole = ends.findLastIndex(({ isWhole }) => isWhole);
  return ends.flatMap(({ store, own, isWhole }, index) => {
    if (isWhole || (own?.broken !== true && index > lastWhole)) return [];
    const from = own === undefined ? 'the log that this needs' : `log after ${own.toLsn}`;
    return [`Store ${store.name} lacks ${from}; what another store has is read there.`];
  });
}

/** `<store> <backup id>` of each copy whose last proof or restore found damage. */
async function failedCopies(
  { catalog }: SurveyDeps,
  server: ServerName,
): Promise<ReadonlySet<string>> {
  const rows = (await catalog.backups?.list(server)) ?? [];
  return new Set(
    rows.flatMap((row) => (row.verdict === 'FAIL' ? [`${row.store} ${row.backupId}`] : [])),
  );
}

async function takeInventory(
  { walArchive }: SurveyDeps,
  access: Pick<Parameters<WalArchive['inventory']>[0], 'store' | 'ring' | 'signal'>,
  { server, major, systemId, segmentBytes }: BackupSummary,
): Promise<WalInventory> {
  return walArchive.inventory({ ...access, folder: { server, major, systemId }, segmentBytes });
}

/** The newest that any of the stores is known to have. */
async function knownProgress(
  { catalog }: SurveyDeps,
  server: ServerName,
  seen: readonly Seen[],
): Promise<WalKnown | undefined> {
  let newest: WalKnown | undefined;
  for (const { store } of seen) {
    const row = await catalog.walProgress.find(server, store.name);
    if (row === undefined || !isLsn(row.storedLsn)) continue;
    const at = Temporal.Instant.from(row.at);
    const { systemId, timeline, storedLsn: lsn } = row;
    if (newest === undefined || Temporal.Instant.compare(at, newest.at) > 0)
      newest = { systemId, timeline, lsn, at };
  }
  return newest;
}

/** As archiving tells of it. */
const ToldHole = z.object({
  code: z.literal('ARCHIVING_LOG_HOLE'),
  hole: z.object({
    systemId: z.string(),
    timeline: z.number(),
    toLsn: z.string().refine(isLsn),
  }),
  until: z.string(),
});

async function toldHoles(
  { catalog }: SurveyDeps,
  server: ServerName,
): Promise<readonly WalKnown[]> {
  const findings = (await catalog.findings?.list(server)) ?? [];
  return findings.flatMap((finding) => {
    const { hole, until } = ToldHole.safeParse(finding).data ?? {};
    if (hole === undefined || until === undefined) return [];
    const { systemId, timeline, toLsn: end } = hole;
    return [{ systemId, timeline, lsn: toLsn(end), at: Temporal.Instant.from(until) }];
  });
}
