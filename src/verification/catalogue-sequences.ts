/**
 * Where the copy's sequences stand. They are outside of transactions, and the log notes them ahead of what was
 * given out, so there is no one right value: what production had just before the copy's position is the least, what it
 * had just after it and 32 steps more is the most. A restart gives a sequence a new file, and what lies in another file
 * bounds nothing. `setval()` leaves the file: where it went back between the readings and was overtaken again, what
 * the copy has looks wrong, which the words say. Pure.
 */
import { compareLsn, type Lsn } from '../kernel/lsn.ts';
import type { SequenceReading, SequenceState } from '../postgres/catalogue-reading-sequences.ts';
import type { Seen } from './checks.ts';

export interface SequenceRequest {
  readonly before: SequenceReading;
  /** Undefined: production was not asked again, so that there is no most. */
  readonly after: SequenceReading | undefined;
  readonly copy: readonly SequenceState[];
  /** Where the copy stood when it was read. */
  readonly lsn: Lsn;
}

/** sequence.c, SEQ_LOG_VALS: so many values are noted in the log before they are given out. */
const AHEAD = 32n;
const TOLD_MAX = 5;
const SET_BACK = ' (a setval() back in between, overtaken since, would look the same)';

type Bounds = ReadonlyMap<string, SequenceState> | undefined;
type OneSeen = 'in bounds' | 'not judged' | { readonly wrong: string };

export function judgeSequences({ before, after, copy, lsn }: SequenceRequest): Seen {
  // A reading bounds the copy only where it lies on its side of the position.
  const isEarlier = compareLsn(before.toLsn, lsn) <= 0;
  const isLater = after !== undefined && compareLsn(after.fromLsn, lsn) >= 0;
  const least = isEarlier ? byName(before.sequences) : undefined;
  const most = isLater ? byName(after.sequences) : undefined;
  const restored = byName(copy);
  const names = new Set([...restored.keys(), ...(least?.keys() ?? []), ...(most?.keys() ?? [])]);
  if (names.size === 0) return { verdict: 'PASS', detail: 'there are none' };
  const seen = [...names].map((name) => {
    const [one, from, to] = [restored.get(name), least?.get(name), most?.get(name)];
    return one === undefined ? judgeMissing(from, to) : judgeOne(one, from, to);
  });
  const wrong = seen.flatMap((one) => (typeof one === 'string' ? [] : [one.wrong]));
  if (wrong.length > 0) {
    const more = wrong.length > TOLD_MAX ? ` … and ${wrong.length - TOLD_MAX} more` : '';
    const detail = `${wrong.slice(0, TOLD_MAX).join('; ')}${more}${SET_BACK}`;
    return { verdict: 'FAIL', detail };
  }
  const judged = seen.filter((one) => one === 'in bounds').length;
  if (judged === 0) return { verdict: 'SKIPPED', detail: 'none had bounds to be judged by' };
  return { verdict: 'PASS', detail: sayBounds(judged, seen.length - judged, { least, most }) };
}

function sayBounds(
  judged: number,
  left: number,
  { least, most }: { readonly least: Bounds; readonly most: Bounds },
): string {
  const limits = [
    ...(least === undefined ? [] : ['not behind what production had before the position']),
    ...(most === undefined ? [] : ['at most 32 steps ahead of what it had after it']),
  ].join(' and ');
  if (left === 0) return `${judged}, each ${limits}`;
  return `${judged}, each ${limits}; not judged, for they cycle, were made, dropped, restarted or set back, are locked or may not be read: ${left}`;
}

function judgeOne(
  restored: SequenceState,
  from: SequenceState | undefined,
  to: SequenceState | undefined,
): OneSeen {
  if (!hasBounds(restored, from, to)) return 'not judged';
  const { name, last, increment } = restored;
  const stands = `${name} ${last === null ? 'was never used' : `stands at ${last}`}`;
  const least = from?.last ?? null;
  if (least !== null && isBefore(last, least, increment))
    return { wrong: `${stands}, production had ${least} before the position` };
  if (to === undefined || last === null) return 'in bounds';
  if (to.last === null) {
    // Never used there at all, so what the copy has was never given out.
    return from === undefined
      ? 'not judged'
      : { wrong: `${stands}, in production it was never used` };
  }
  const limit = to.last + AHEAD * increment;
  if (isBefore(limit, last, increment))
    return { wrong: `${stands}, production could have reached ${limit} at most` };
  return 'in bounds';
}

/** Certain only where production had the same one on both sides of the position. */
function judgeMissing(from: SequenceState | undefined, to: SequenceState | undefined): OneSeen {
  if (from === undefined || to === undefined || isOther(from, to)) return 'not judged';
  return { wrong: `${from.name} is missing` };
}

function hasBounds(
  restored: SequenceState,
  from: SequenceState | undefined,
  to: SequenceState | undefined,
): boolean {
  const { cycles, increment, isReadable } = restored;
  if (from === undefined && to === undefined) return false;
  if (isOther(restored, from) || isOther(restored, to)) return false;
  if (cycles || [isReadable, from?.isReadable, to?.isReadable].includes(false)) return false;
  return from === undefined || to === undefined || !isSetBack(from, to, increment);
}

/** `RESTART` or `TRUNCATE … RESTART IDENTITY` in between, or made anew under the same name. */
function isOther(one: SequenceState, other: SequenceState | undefined): boolean {
  return other !== undefined && one.fileNode !== other.fileNode;
}

/** `setval()` between the two readings; where it was overtaken again, nothing tells of it. */
function isSetBack(from: SequenceState, to: SequenceState, increment: bigint): boolean {
  if (from.increment !== increment || to.increment !== increment) return true;
  return from.last !== null && isBefore(to.last, from.last, increment);
}

/** In the direction in which it counts; null is before everything. */
function isBefore(a: bigint | null, b: bigint, increment: bigint): boolean {
  if (a === null) return true;
  return increment > 0n ? a < b : a > b;
}

function byName(sequences: readonly SequenceState[]): ReadonlyMap<string, SequenceState> {
  return new Map(sequences.map((sequence) => [sequence.name, sequence]));
}
