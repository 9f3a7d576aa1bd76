/**
 * What retention decides on: backups with their copies, holds, readers and rules. Plain data; whoever
 * gathers it (`gather.ts`) also says what could not be read.
 */
import type { Hold } from './hold.ts';

/** How many periods keep one backup each, and how far back every moment can be returned to. */
export interface RetentionRules {
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
  /** ISO 8601. */
  readonly pitr: string;
}

/** What of a backup's summary retention looks at. Moments are RFC 3339 in UTC. */
export interface SummaryFacts {
  readonly backupId: string;
  readonly major: number;
  readonly systemId: string;
  readonly timeline: number;
  readonly segmentBytes: number;
  readonly beginLsn: string;
  readonly endLsn: string;
  /** Behind its proof point; undefined: it has none. */
  readonly proofLsn?: string | undefined;
  readonly beganAt: string;
  readonly endedAt: string;
  readonly damagedFiles: readonly string[];
}

/** One store's copy of a backup. */
export interface CopyFacts {
  readonly store: string;
  /** Of the last proof of this copy; null: there was none. */
  readonly verdict: string | null;
  readonly verifiedAt: string | null;
  /** Nobody can remove it before; null: it is not locked. */
  readonly lockedUntil: string | null;
  readonly storedBytes: number;
}

export interface BackupFacts {
  readonly summary: SummaryFacts;
  /** In the order of the config's stores. */
  readonly copies: readonly CopyFacts[];
}

/** A manifest that is there and that nobody could read or prove. */
export interface UnreadableFacts {
  readonly backupId: string;
  readonly major: number;
  readonly systemId: string;
  readonly store: string;
  readonly reason: string;
}

/** A run that is not over and names a backup in its plan. */
export interface ReaderFacts {
  readonly runId: string;
  readonly operation: string;
  readonly backupId: string;
  readonly systemId: string;
  readonly timeline: number;
  /** The first position it replays. */
  readonly fromLsn: string;
}

export interface RetentionFacts {
  readonly server: string;
  readonly now: Temporal.Instant;
  /** IANA zone whose calendar days count. */
  readonly zone: string;
  readonly rules: RetentionRules;
  readonly backups: readonly BackupFacts[];
  readonly unreadable: readonly UnreadableFacts[];
  /** Every hold that is not released. */
  readonly holds: readonly Hold[];
  readonly readers: readonly ReaderFacts[];
  /** What could not be read, a sentence each: then nothing is removed. */
  readonly trouble: readonly string[];
}

/** `7341…/20261122T010000Z`: a backup among those of all clusters the server has had. */
export function backupName({
  systemId,
  backupId,
}: {
  readonly systemId: string;
  readonly backupId: string;
}): string {
  return `${systemId}/${backupId}`;
}
