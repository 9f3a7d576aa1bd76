/** Why a backup stays, every reason of it, and why one that none keeps may go. Pure. */
import { formatUtc } from '../kernel/moment.ts';
import { backupName, type CopyFacts, type SummaryFacts } from './facts.ts';
import { isInForce } from './hold.ts';
import { TIERS, type Tier } from './periods.ts';
import { type Cluster, later, newestProved, oldestFirst, type View, type Viewed } from './view.ts';

/** A damaged backup is evidence for so long once its damage was found and a newer one is proved. */
const EVIDENCE_DAYS = 14;

export function reasonsOf(backup: Viewed, view: View): readonly string[] {
  const own = backup.state === 'damaged' ? damagedReasons(backup, view) : goodReasons(backup, view);
  return [
    ...own,
    ...heldReasons(backup, view),
    ...readReasons(backup, view),
    ...lockReasons(backup, view),
  ];
}

function goodReasons(backup: Viewed, view: View): readonly string[] {
  const { clusters, newestProved: proved, windowStart } = view;
  const tiers = (view.standings.get(backup.name) ?? []).map(
    ({ tier, period }) => `${tier} ${period}`,
  );
  const isBase = clusters.some(({ windowBase }) => windowBase === backup);
  const base = isBase
    ? [
        `base of the point-in-time window from ${formatUtc(later(backup.endedAt, windowStart).round('second'))}`,
      ]
    : [];
  return [...tiers, ...base, ...lastVerifiedReasons(backup, view), ...newerReasons(backup, proved)];
}

function newerReasons(backup: Viewed, proved: Viewed | undefined): readonly string[] {
  if (proved === undefined || oldestFirst(backup, proved) <= 0) return [];
  return ['newer than the newest verified'];
}

function lastVerifiedReasons(backup: Viewed, view: View): readonly string[] {
  if (backup.state !== 'proved') return [];
  if (backup === view.newestProved) return ['last verified'];
  const stores = lastInStores(backup, view).map((store) => `last verified in ${store}`);
  const cluster = view.clusters.find(({ backups }) => backups.includes(backup));
  const isLastOfCluster = cluster !== undefined && newestProved(cluster.backups) === backup;
  if (!isLastOfCluster || isSucceeded(cluster, view)) return stores;
  return [...stores, `last verified of the cluster ${cluster.major}-${cluster.systemId}`];
}

/** A store that lags behind must keep a proved copy, too; one that is known to be bad is none. */
function lastInStores(backup: Viewed, { backups }: View): readonly string[] {
  return backup.facts.copies
    .map(({ store }) => store)
    .filter((store) => {
      const here = backups.filter(({ facts }) =>
        facts.copies.some((one) => one.store === store && !isBad(one)),
      );
      return newestProved(here) === backup;
    });
}

function isBad({ verdict }: CopyFacts): boolean {
  return verdict === 'FAIL';
}

/** A younger cluster has a proved backup as old as the window: returning never needs the older one. */
function isSucceeded(cluster: Cluster, { clusters, windowStart }: View): boolean {
  return clusters
    .slice(clusters.indexOf(cluster) + 1)
    .some(({ backups }) =>
      backups.some(
        ({ state, endedAt }) =>
          state === 'proved' && Temporal.Instant.compare(endedAt, windowStart) <= 0,
      ),
    );
}

function damagedReasons(backup: Viewed, view: View): readonly string[] {
  const proved = view.newestProved;
  const isNewest = proved === undefined || oldestFirst(backup, proved) > 0;
  if (isNewest) return ['damaged: evidence until a newer one is verified'];
  const unlooked = uncondemned(backup);
  if (unlooked.length > 0)
    return [`damaged elsewhere: its copy in ${unlooked.join(' and ')} may be good`];
  const until = evidenceUntil(backup, view);
  if (Temporal.Instant.compare(until, view.countedFrom) <= 0) return [];
  return [`damaged: evidence until ${formatUtc(until.round('second'))}`];
}

/** Stores whose copy no proof has found bad; what PostgreSQL called damaged is so in every copy. */
function uncondemned({ summary, facts }: Viewed): readonly string[] {
  if (summary.damagedFiles.length > 0) return [];
  return facts.copies.filter((copy) => !isBad(copy)).map(({ store }) => store);
}

/** Counted from when the damage was found: of an old backup nobody could look at it before. */
function evidenceUntil({ endedAt, facts: { copies } }: Viewed, { facts }: View): Temporal.Instant {
  const found = copies.filter(isBad).map(({ verifiedAt }) => verifiedAt);
  const last = found
    .flatMap((at) => (at === null ? [] : Temporal.Instant.from(at)))
    .reduce(later, endedAt);
  return last.toZonedDateTimeISO(facts.zone).add({ days: EVIDENCE_DAYS }).toInstant();
}

function heldReasons(backup: Viewed, { facts, countedFrom }: View): readonly string[] {
  return facts.holds
    .filter((hold) => backupName(hold) === backup.name && isInForce(hold, countedFrom))
    .map(
      ({ reason, until }) =>
        `held: ${reason} until ${until === null ? 'it is released' : sayMoment(until)}`,
    );
}

function readReasons(backup: Viewed, { facts }: View): readonly string[] {
  return facts.readers
    .filter((reader) => backupName(reader) === backup.name)
    .map(({ runId, operation }) => `read by run ${runId} (${operation})`);
}

function lockReasons(backup: Viewed, { facts }: View): readonly string[] {
  return backup.facts.copies.flatMap(({ store, lockedUntil }) => {
    if (lockedUntil === null) return [];
    const isOver = Temporal.Instant.compare(Temporal.Instant.from(lockedUntil), facts.now) <= 0;
    return isOver ? [] : [`locked until ${sayMoment(lockedUntil)} in ${store}`];
  });
}

// ——— why one goes ———

export function whyGone(backup: Viewed, view: View): string {
  if (backup.state === 'damaged')
    return `damaged, and evidence for ${EVIDENCE_DAYS} days is enough`;
  const { facts, standings, backups } = view;
  const day = facts.rules.daily > 0 ? rival(backup, 'daily', view) : undefined;
  if (day !== undefined) return `${day.backupId} stands for its day`;
  const kept = TIERS.flatMap((tier) => {
    const periods = [...standings.values()]
      .flat()
      .filter((one) => one.tier === tier)
      .map(({ period }) => period)
      .toSorted();
    return periods[0] === undefined ? [] : [`${facts.rules[tier]} ${tier} from ${periods[0]}`];
  });
  return backups.length === 0 ? '' : `no rule keeps it: ${kept.join(', ')}`;
}

/** The one that stands for the same period. */
function rival(backup: Viewed, tier: Tier, { standings, backups }: View): SummaryFacts | undefined {
  return backups.find(
    (other) =>
      other.day.equals(backup.day) &&
      (standings.get(other.name) ?? []).some((one) => one.tier === tier),
  )?.summary;
}

function sayMoment(at: string): string {
  return formatUtc(Temporal.Instant.from(at).round('second'));
}
