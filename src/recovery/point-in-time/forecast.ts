/** How long a restore will take: bytes over measured rates, or over a stated guess. Pure. */
import { z } from 'zod';

import type { Json } from '../../kernel/codecs.ts';

/** What one restore moved, and how long it took. */
export const MeasuredRestore = z.strictObject({
  sourceBytes: z.number(),
  walBytes: z.number(),
  restoreSeconds: z.number(),
  replaySeconds: z.number(),
});

const Measured = z.object({ measured: MeasuredRestore });

/** Bytes per second. */
export interface Rates {
  /** Of the backup's source bytes, until they are on disk. */
  readonly restoreBytes: number;
  /** Of WAL. */
  readonly replayBytes: number;
}

/** Plain JSON. */
export interface Forecast {
  readonly seconds: number;
  readonly fromSeconds: number;
  readonly toSeconds: number;
  /** `a guess`, `1 earlier restore`, `5 earlier restores`. */
  readonly basis: string;
}

/** Middling hardware; said to be a guess wherever it is shown. */
const GUESS: Rates = { restoreBytes: 100_000_000, replayBytes: 30_000_000 };
/** PostgreSQL's start, connecting, checking. */
const OVERHEAD_SECONDS = 3;

export function forecastRestore(
  sizes: { readonly sourceBytes: number; readonly walBytes: number },
  measured: readonly Rates[],
): Forecast {
  const [rates, spread] = measured.length === 0 ? [[GUESS], 2] : [measured, 1.5];
  const each = rates.map(
    ({ restoreBytes, replayBytes }) =>
      OVERHEAD_SECONDS + sizes.sourceBytes / restoreBytes + sizes.walBytes / replayBytes,
  );
  const sorted = each.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? OVERHEAD_SECONDS;
  return {
    seconds: round(middle),
    fromSeconds: round(Math.min(middle / spread, sorted[0] ?? middle)),
    toSeconds: round(Math.max(middle * spread, sorted.at(-1) ?? middle)),
    basis: basisWords(measured.length),
  };
}

/** What ended restores say of the bytes and seconds they took; anything else is passed over. Pure. */
export function ratesOf(results: readonly Json[]): readonly Rates[] {
  return results.flatMap((result) => {
    const { data } = Measured.safeParse(result);
    if (data === undefined) return [];
    const { sourceBytes, walBytes, restoreSeconds, replaySeconds } = data.measured;
    if (restoreSeconds <= 0 || replaySeconds <= 0) return [];
    return [
      {
        restoreBytes: sourceBytes / restoreSeconds,
        // A short replay is mostly start: it must not look like a slow one.
        replayBytes: Math.max(walBytes / replaySeconds, GUESS.replayBytes),
      },
    ];
  });
}

function basisWords(count: number): string {
  if (count === 0) return 'a guess';
  return count === 1 ? '1 earlier restore' : `${count} earlier restores`;
}

function round(seconds: number): number {
  return seconds < 60 ? Math.max(1, Math.round(seconds)) : Math.round(seconds / 5) * 5;
}
