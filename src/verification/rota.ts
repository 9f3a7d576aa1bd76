/**
 * Which of the older backups is proved next, and why that one. The newest is proved each day; of those that
 * stay for weeks and months, the one whose proof is longest ago. Before them comes, once a newer key is in
 * use, the oldest backup under each older key: that it can still be read is proved by reading it. Pure.
 */
import type { BackupSummary } from '../engines/engine.ts';

export interface RotaCopy {
  readonly store: string;
  readonly verdict: string | null;
  readonly verifiedAt: string | null;
}

export interface RotaBackup {
  readonly summary: Pick<
    BackupSummary,
    'backupId' | 'systemId' | 'beganAt' | 'endedAt' | 'keyId' | 'damagedFiles'
  >;
  readonly copies: readonly RotaCopy[];
  /** Which periods it stands for: `daily`, `weekly`, `monthly`; empty: none, so that it may go any day. */
  readonly tiers: readonly string[];
}

export interface Rota {
  readonly backups: readonly RotaBackup[];
  /** Oldest first, as the key ring has them. */
  readonly keyIds: readonly string[];
  /** IANA zone whose days and months are said. */
  readonly zone: string;
}

export interface Turn {
  readonly backup: RotaBackup;
  /** `kept as monthly of August 2026, never proved`. */
  readonly which: string;
}

/** Undefined: there is none besides the newest that stays. */
export function chooseOlder(rota: Rota): Turn | undefined {
  return dueUnderOlderKeys(rota).at(0) ?? longestAgo(rota);
}

/**
 * Of each older key the oldest backup, where none under it was proved since a newer key is in use. One that
 * stays is taken before one that may go: else each that goes would make the next one due.
 */
export function dueUnderOlderKeys({ backups, keyIds }: Rota): readonly Turn[] {
  const older = olderOnes(backups);
  const used = keyIds.filter((keyId) => backups.some(({ summary }) => summary.keyId === keyId));
  const newestKey = used.at(-1);
  const since = oldestFirst(backups.filter(({ summary }) => summary.keyId === newestKey)).at(0);
  if (newestKey === undefined || since === undefined) return [];
  return used.slice(0, -1).flatMap((keyId) => {
    const own = oldestFirst(older.filter(({ summary }) => summary.keyId === keyId));
    const backup = own.find(({ tiers }) => tiers.length > 0) ?? own.at(0);
    if (backup === undefined) return [];
    // What could not be judged is still due.
    const isProved = own.some((one) => {
      const at = lastLookedAt(one, ['PASS']);
      return at !== undefined && isBefore(since.summary.beganAt, at);
    });
    const which = `the oldest under key ${keyId}; none under it was proved since key ${newestKey} came into use`;
    return isProved ? [] : [{ backup, which }];
  });
}

/** What was never looked at comes first, and among equals the oldest: it has waited longest. */
function longestAgo({ backups, zone }: Rota): Turn | undefined {
  const kept = olderOnes(backups).filter(({ tiers }) => tiers.length > 0);
  const long = kept.filter(({ tiers }) => longestTier(tiers) !== 'daily');
  const [backup] = oldestFirst(long.length > 0 ? long : kept).toSorted(compareLooks);
  if (backup === undefined) return undefined;
  return { backup, which: `${sayKept(backup, zone)}, ${sayLastLook(backup, zone)}` };
}

/** Without the newest, which has its own day, and without what is known to be bad. */
function olderOnes(backups: readonly RotaBackup[]): readonly RotaBackup[] {
  const newest = backups.toSorted((a, b) => compareMoments(a.summary.endedAt, b.summary.endedAt));
  return newest.slice(0, -1).filter((backup) => !isDamaged(backup));
}

function isDamaged({ summary, copies }: RotaBackup): boolean {
  if (summary.damagedFiles.length > 0) return true;
  const verdicts = copies.map(({ verdict }) => verdict);
  return verdicts.includes('FAIL') && !verdicts.includes('PASS');
}

/** Where it is proved from: copies take turns, and one that is known to be bad has none. */
export function copiesInTurn({ copies }: RotaBackup): readonly string[] {
  const good = copies.filter(({ verdict }) => verdict !== 'FAIL');
  return good
    .toSorted((a, b) => compareText(a.verifiedAt ?? '', b.verifiedAt ?? ''))
    .map(({ store }) => store);
}

function lastLookedAt(
  { copies }: RotaBackup,
  verdicts: readonly string[] | undefined,
): string | undefined {
  const looks = copies.flatMap(({ verdict, verifiedAt }) =>
    verifiedAt !== null && (verdicts === undefined || verdicts.includes(verdict ?? ''))
      ? [verifiedAt]
      : [],
  );
  return looks.toSorted(compareMoments).at(-1);
}

function compareLooks(a: RotaBackup, b: RotaBackup): number {
  return compareText(lastLookedAt(a, undefined) ?? '', lastLookedAt(b, undefined) ?? '');
}

function oldestFirst(backups: readonly RotaBackup[]): readonly RotaBackup[] {
  return backups.toSorted((a, b) => compareMoments(a.summary.beganAt, b.summary.beganAt));
}

// ——— words ———

function sayKept({ summary, tiers }: RotaBackup, zone: string): string {
  const tier = longestTier(tiers);
  const day = Temporal.Instant.from(summary.beganAt).toZonedDateTimeISO(zone).toPlainDate();
  const week = `${day.yearOfWeek ?? day.year}-W${String(day.weekOfYear ?? 0).padStart(2, '0')}`;
  const periods: Readonly<Record<string, string>> = {
    monthly: `${MONTHS[day.month - 1] ?? day.month} ${day.year}`,
    weekly: week,
  };
  return `kept as ${tier} of ${periods[tier] ?? day.toString()}`;
}

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const;

/** The one that keeps it longest. */
function longestTier(tiers: readonly string[]): string {
  return ['monthly', 'weekly', 'daily'].find((tier) => tiers.includes(tier)) ?? 'daily';
}

function sayLastLook(backup: RotaBackup, zone: string): string {
  const at = lastLookedAt(backup, undefined);
  if (at === undefined) return 'never proved';
  const day = Temporal.Instant.from(at).toZonedDateTimeISO(zone).toPlainDate().toString();
  const isProved = backup.copies.some(
    ({ verdict, verifiedAt }) => verifiedAt === at && verdict === 'PASS',
  );
  return isProved ? `last proved ${day}` : `not proved when last tried, ${day}`;
}

// ——— small words ———

function isBefore(a: string, b: string): boolean {
  return compareMoments(a, b) < 0;
}

function compareMoments(a: string, b: string): number {
  return Temporal.Instant.compare(Temporal.Instant.from(a), Temporal.Instant.from(b));
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
