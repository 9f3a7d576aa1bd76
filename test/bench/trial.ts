/**
 * A trial measures something else than whole backups and restores. It makes the servers it needs,
 * interleaves whom it compares, and leaves nothing behind.
 */
import type { Goal } from './report.ts';

export interface TrialOptions {
  /** An existing folder; everything is written below it, so all write to the same disk. */
  readonly folder: string;
  readonly rounds: number;
  /** Of zstd. */
  readonly level: number;
  readonly say: (text: string) => void;
  /** Somebody wants the figures now: no further round is begun. */
  readonly isStopped: () => boolean;
}

export interface TrialReport {
  /** What was measured, in a line or two. */
  readonly title: string;
  /** The first row names the columns. */
  readonly rows: readonly (readonly string[])[];
  readonly goals: readonly Goal[];
}

export type Trial = (options: TrialOptions) => Promise<TrialReport>;
