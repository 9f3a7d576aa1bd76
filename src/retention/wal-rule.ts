/**
 * Which stored log of a cluster stays: everything from the base of the point-in-time window on, what
 * makes each stored backup consistent and its proof point reachable, what a reader is going to replay,
 * and every timeline's history. Where it cannot be told what is needed, all of it. A rule is plain JSON,
 * so that it can be approved; whether it keeps one object is a pure question. Pure.
 */
import { z } from 'zod';

import { ownLogEnd } from '../engines/own-log.ts';
import { lsnBytes, toLsn } from '../kernel/lsn.ts';
import type { ReaderFacts, SummaryFacts } from './facts.ts';

export const WalRule = z.strictObject({
  major: z.number(),
  systemId: z.string(),
  segmentBytes: z.number(),
  /** Why all of it stays; null: what follows decides. */
  all: z.string().nullable(),
  /** From that position on, on that timeline and on every later one. */
  from: z.array(z.strictObject({ timeline: z.number(), lsn: z.string(), why: z.string() })),
  /** Both ends included. */
  ranges: z.array(
    z.strictObject({
      timeline: z.number(),
      fromLsn: z.string(),
      toLsn: z.string(),
      why: z.string(),
    }),
  ),
});
export type WalRule = z.infer<typeof WalRule>;

/** A stretch of stored log, or a timeline's history. `to` is the first byte behind it. */
export type WalPiece =
  | { readonly kind: 'history' }
  | {
      readonly kind: 'segment' | 'tail';
      readonly timeline: number;
      readonly from: bigint;
      readonly to: bigint;
    };

export interface WalNeeds {
  readonly major: number;
  readonly systemId: string;
  readonly segmentBytes: number;
  /** Every backup of this cluster that stays, in whatever store. */
  readonly stored: readonly SummaryFacts[];
  /** Of the point-in-time window; undefined: the window does not reach into this cluster's life. */
  readonly windowBase: SummaryFacts | undefined;
  readonly readers: readonly ReaderFacts[];
  /** What is kept besides, such as all that a backup which nobody can read may need. */
  readonly ranges: WalRule['ranges'];
  readonly all: string | null;
}

export function walRule(needs: WalNeeds): WalRule {
  const { major, systemId, segmentBytes, stored, windowBase, readers, ranges, all } = needs;
  const window =
    windowBase === undefined
      ? []
      : [fromBackup(windowBase, 'the point-in-time window can reach it')];
  return {
    major,
    systemId,
    segmentBytes,
    all,
    from: [
      ...window,
      ...readers.map(({ timeline, fromLsn, runId }) => ({
        timeline,
        lsn: fromLsn,
        why: `run ${runId} replays it`,
      })),
    ],
    ranges: [...stored.map(rangeOf), ...ranges],
  };
}

function fromBackup({ timeline, beginLsn }: SummaryFacts, why: string): WalRule['from'][number] {
  return { timeline, lsn: beginLsn, why };
}

function rangeOf(backup: SummaryFacts): WalRule['ranges'][number] {
  const { timeline, beginLsn, backupId, proofLsn } = backup;
  const need = proofLsn === undefined ? 'consistent' : 'consistent and proved';
  return {
    timeline,
    fromLsn: beginLsn,
    toLsn: ownLogEnd(backup),
    why: `backup ${backupId} is ${need} only with it`,
  };
}

/** The bounds of a rule as numbers, for asking it of many objects. */
export interface WalQuestion {
  keeps(piece: WalPiece): boolean;
}

export function askRule(rule: WalRule): WalQuestion {
  const from = rule.from.map(({ timeline, lsn }) => ({ timeline, lsn: lsnBytes(toLsn(lsn)) }));
  const ranges = rule.ranges.map(({ timeline, fromLsn, toLsn: end }) => ({
    timeline,
    from: lsnBytes(toLsn(fromLsn)),
    to: lsnBytes(toLsn(end)),
  }));
  const isNeeded = rule.all !== null || from.length > 0 || ranges.length > 0;
  return {
    keeps(piece) {
      if (rule.all !== null) return true;
      if (piece.kind === 'history') return isNeeded;
      const { timeline } = piece;
      // A timeline that was born later may have begun at an earlier position: after a return to the past.
      if (from.some((one) => timeline > one.timeline || piece.to > one.lsn)) return true;
      return ranges.some(
        (one) => one.timeline === timeline && piece.to > one.from && piece.from <= one.to,
      );
    },
  };
}
