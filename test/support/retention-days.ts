/** A server's life, day by day, for tests of retention: backups, proofs, and a log that goes on. */
import { utcText } from '../../src/kernel/codecs.ts';
import { backupIdAt } from '../../src/kernel/ids.ts';
import { lsnBytes, lsnFromBytes, toLsn } from '../../src/kernel/lsn.ts';
import type { BackupFacts, RetentionFacts, RetentionRules } from '../../src/retention/facts.ts';
import { backupName } from '../../src/retention/facts.ts';
import { askRule, type WalPiece, type WalRule } from '../../src/retention/wal-rule.ts';

export const RULES: RetentionRules = { daily: 7, weekly: 4, monthly: 12, pitr: 'P7D' };
export const SEGMENT_BYTES = 16 * 1024 * 1024;
/** Segments a day. */
const SEGMENTS_PER_DAY = 4;

export interface Day {
  /** `2026-11-24`: the backup begins at 02:00 of it in the zone. */
  readonly date: string;
  readonly zone?: string;
  readonly systemId?: string;
  readonly timeline?: number;
  /** Counted from the first day of the simulation: where its log lies. */
  readonly number: number;
  readonly verdict?: string | null;
  readonly damagedFiles?: readonly string[];
  readonly stores?: readonly string[];
  readonly hour?: number;
  /** Its proof point can be reached only with so many segments more than the one it began in. */
  readonly proofSegments?: number | undefined;
}

export function backupOf(day: Day): BackupFacts {
  const { date, zone = 'UTC', systemId = '7341', timeline = 1, number, hour = 2 } = day;
  const { verdict = null, damagedFiles = [], stores = ['here'], proofSegments } = day;
  const began = Temporal.PlainDate.from(date)
    .toZonedDateTime({ timeZone: zone, plainTime: new Temporal.PlainTime(hour) })
    .toInstant();
  const beginLsn = BigInt(SEGMENT_BYTES) * BigInt(1 + number * SEGMENTS_PER_DAY) + 40n;
  return {
    summary: {
      backupId: backupIdAt(began),
      major: 15,
      systemId,
      timeline,
      segmentBytes: SEGMENT_BYTES,
      beginLsn: lsnFromBytes(beginLsn),
      endLsn: lsnFromBytes(beginLsn + 1000n),
      proofLsn:
        proofSegments === undefined
          ? undefined
          : lsnFromBytes(beginLsn + BigInt(proofSegments * SEGMENT_BYTES) + 2000n),
      beganAt: utcText(began),
      endedAt: utcText(began.add({ minutes: 10 })),
      damagedFiles,
    },
    copies: stores.map((store) => ({
      store,
      verdict,
      verifiedAt: verdict === null ? null : utcText(began.add({ hours: 2 })),
      lockedUntil: null,
      storedBytes: 1000,
    })),
  };
}

export function factsOf(
  backups: readonly BackupFacts[],
  change: Partial<RetentionFacts> = {},
): RetentionFacts {
  const newest = backups.at(-1)?.summary.endedAt ?? '2026-11-24T02:10:00Z';
  return {
    server: 'shop',
    now: Temporal.Instant.from(newest).add({ minutes: 1 }),
    zone: 'UTC',
    rules: RULES,
    backups,
    unreadable: [],
    holds: [],
    readers: [],
    trouble: [],
    ...change,
  };
}

/** The whole segments that were written from the first day to the end of that day. */
export function logUntil(number: number, timeline = 1): readonly WalPiece[] {
  return segments(0, 1 + (number + 1) * SEGMENTS_PER_DAY, timeline);
}

/** The whole segments of one day. */
export function logOf(number: number): readonly WalPiece[] {
  const begin = number === 0 ? 0 : 1 + number * SEGMENTS_PER_DAY;
  return segments(begin, 1 + (number + 1) * SEGMENTS_PER_DAY, 1);
}

function segments(begin: number, end: number, timeline: number): readonly WalPiece[] {
  return Array.from({ length: end - begin }, (_, index) => ({
    kind: 'segment' as const,
    timeline,
    from: BigInt(begin + index) * BigInt(SEGMENT_BYTES),
    to: BigInt(begin + index + 1) * BigInt(SEGMENT_BYTES),
  }));
}

export function datesFrom(first: string, count: number): readonly string[] {
  const date = Temporal.PlainDate.from(first);
  return Array.from({ length: count }, (_, days) => date.add({ days }).toString());
}

/** What is left when that is removed. */
export function without(
  backups: readonly BackupFacts[],
  removed: readonly { readonly systemId: string; readonly backupId: string }[],
): readonly BackupFacts[] {
  const names = new Set(removed.map(backupName));
  return backups.filter(({ summary }) => !names.has(backupName(summary)));
}

export function endOf(piece: WalPiece): bigint {
  return piece.kind === 'history' ? 0n : piece.to;
}

export function overlaps(piece: WalPiece, from: string, to: string): boolean {
  if (piece.kind === 'history') return true;
  return piece.to > lsnBytes(toLsn(from)) && piece.from <= lsnBytes(toLsn(to));
}

export function removable(
  rules: readonly WalRule[],
  log: readonly WalPiece[],
): readonly WalPiece[] {
  const questions = rules.map(askRule);
  return log.filter((piece) => !questions.some((question) => question.keeps(piece)));
}

export function stored(rules: readonly WalRule[], log: readonly WalPiece[]): readonly WalPiece[] {
  const gone = new Set(removable(rules, log));
  return log.filter((piece) => !gone.has(piece));
}
