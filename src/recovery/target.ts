/**
 * Reads what a person wrote after `--to`: a moment in their own zone, a log position, a transaction or
 * `latest`. What cannot be read as exactly one thing is an outcome with its readings, never a guess.
 * Pure.
 */
import { utcText } from '../kernel/codecs.ts';
import { isLsn } from '../kernel/lsn.ts';
import { type Reading, readMoment } from '../kernel/moment.ts';

/** Plain JSON: stands in plans. */
export type Target =
  /** `at`: RFC 3339 in UTC. Everything committed before it is there. */
  | { readonly kind: 'time'; readonly asked: string; readonly at: string }
  /** Everything that ends at or before the position is there. */
  | { readonly kind: 'lsn'; readonly asked: string; readonly lsn: string }
  /** Just before this transaction ended. */
  | { readonly kind: 'xid'; readonly asked: string; readonly xid: string }
  | { readonly kind: 'latest'; readonly asked: string };

export type TargetReading =
  | { readonly outcome: 'target'; readonly target: Target }
  | { readonly outcome: 'future'; readonly at: Temporal.Instant }
  /** As a moment is read where it is not exactly one. */
  | Exclude<Reading, { readonly outcome: 'moment' }>;

export interface TargetContext {
  /** IANA zone of whoever asks. */
  readonly zone: string;
  readonly now: Temporal.Instant;
}

/** Transaction numbers are 32 bits; 0 to 2 are no transactions of anybody. */
const XID_MIN = 3n;
const XID_MAX = 0xff_ff_ff_ffn;

export function readTarget(asked: string, { zone, now }: TargetContext): TargetReading {
  const words = asked.trim();
  if (words.toLowerCase() === 'latest') return target({ kind: 'latest', asked: words });
  if (/^xid:/i.test(words)) return readXid(words);
  if (isLsn(words)) return target({ kind: 'lsn', asked: words, lsn: words.toUpperCase() });

  const reading = readMoment(words, zone, now);
  if (reading.outcome !== 'moment') return reading;
  if (Temporal.Instant.compare(reading.at, now) > 0) return { outcome: 'future', at: reading.at };
  return target({ kind: 'time', asked: words, at: utcText(reading.at) });
}

function readXid(words: string): TargetReading {
  const digits = /^xid:(\d{1,10})$/i.exec(words)?.[1];
  if (digits === undefined) return { outcome: 'unreadable' };
  const xid = BigInt(digits);
  if (xid < XID_MIN || xid > XID_MAX) return { outcome: 'unreadable' };
  return target({ kind: 'xid', asked: words, xid: xid.toString() });
}

function target(value: Target): TargetReading {
  return { outcome: 'target', target: value };
}
