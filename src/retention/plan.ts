/**
 * The heart of retention: which backups stay and why each does, which may go, and how much log the
 * ones that stay need. Pure: what is known comes in, a decision comes out, the same every time.
 *
 * Nothing is ever removed while something could not be read, or while no backup is proved. What stays
 * whatever the tiers say: the last proved backup of the server and of each store, everything newer than
 * the newest proved one, what is held, read or locked, and what cannot be judged.
 */
import { ownLogEnd } from '../engines/own-log.ts';
import { utcText } from '../kernel/codecs.ts';
import { backupName, type RetentionFacts, type UnreadableFacts } from './facts.ts';
import type { Tier } from './periods.ts';
import { reasonsOf, whyGone } from './reasons.ts';
import { type BackupState, compareText, isGood, type View, type Viewed, viewOf } from './view.ts';
import { type WalRule, walRule } from './wal-rule.ts';

export interface DecidedBackup {
  readonly backupId: string;
  readonly major: number;
  readonly systemId: string;
  /** Null: its manifest cannot be read. */
  readonly beganAt: string | null;
  readonly state: BackupState;
  readonly storedBytes: number;
  readonly stores: readonly string[];
}

export interface KeptBackup extends DecidedBackup {
  readonly tiers: readonly Tier[];
  /** Every one that applies. */
  readonly reasons: readonly string[];
}

export interface RemovedBackup extends DecidedBackup {
  readonly why: string;
}

export interface Decision {
  /** Counted back from: now, or when the newest good backup ended if that is earlier. */
  readonly countedFrom: string;
  /** Every moment from here on can be returned to; null: there is no good backup. */
  readonly windowFrom: string | null;
  /** Newest first. */
  readonly keep: readonly KeptBackup[];
  /** Newest first: whatever builds on another is newer than it. */
  readonly remove: readonly RemovedBackup[];
  /** One for each cluster the server has had. */
  readonly wal: readonly WalRule[];
  /** Why nothing is removed; empty: something may be. */
  readonly blocked: readonly string[];
}

export function planRetention(facts: RetentionFacts): Decision {
  const view = viewOf(facts);
  const blocked = whyNothing(view);
  const judged = view.backups.map((backup) => {
    const reasons = reasonsOf(backup, view);
    return { backup, reasons, isGone: reasons.length === 0 && blocked.length === 0 };
  });
  const keep = judged
    .filter(({ isGone }) => !isGone)
    .map(({ backup, reasons }) => ({
      ...decided(backup),
      tiers: (view.standings.get(backup.name) ?? []).map(({ tier }) => tier),
      reasons: reasons.length > 0 ? reasons : ['nothing is removed now'],
    }));
  const remove = judged
    .filter(({ isGone }) => isGone)
    .map(({ backup }) => ({ ...decided(backup), why: whyGone(backup, view) }));
  const kept = new Set(keep.map(backupName));
  return {
    countedFrom: utcText(view.countedFrom),
    windowFrom: view.windowFrom === undefined ? null : utcText(view.windowFrom),
    keep: [...keep, ...unreadableOf(facts)].toSorted(newestFirst),
    remove: remove.toSorted(newestFirst),
    wal: rulesOf(view, (backup) => kept.has(backup.name)),
    blocked,
  };
}

/**
 * What the log must still serve after a removal that may not have gone all the way: every backup that
 * is stored, whether it should be or not.
 */
export function walRulesOfStored(facts: RetentionFacts): readonly WalRule[] {
  return rulesOf(viewOf(facts), () => true);
}

// ——— why nothing goes ———

function whyNothing({ facts, backups, newestProved: proved }: View): readonly string[] {
  if (backups.length === 0 || proved !== undefined) return facts.trouble;
  return [...facts.trouble, `no backup of ${facts.server} is proved`];
}

// ——— the log ———

function rulesOf(view: View, stays: (backup: Viewed) => boolean): readonly WalRule[] {
  const { facts } = view;
  const isBlocked = whyNothing(view).length > 0;
  return view.clusters.map(({ major, systemId, backups, windowBase }) => {
    const unreadable = facts.unreadable.filter((one) => one.systemId === systemId);
    return walRule({
      major,
      systemId,
      segmentBytes: backups[0]?.summary.segmentBytes ?? SEGMENT_BYTES,
      stored: backups.filter(stays).map(({ summary }) => summary),
      windowBase: windowBase?.summary,
      readers: facts.readers.filter((reader) => reader.systemId === systemId),
      ranges: unreadable.flatMap((one) => rangesAround(one, backups)),
      all: isBlocked ? 'nothing is removed now' : whyAll(backups),
    });
  });
}

/** PostgreSQL's own. */
const SEGMENT_BYTES = 16 * 1024 * 1024;

function whyAll(backups: readonly Viewed[]): string | null {
  return backups.some(isGood) ? null : 'no good backup says what is needed';
}

const FIRST_LSN = '0/0';

/** Nobody knows what it needs, but it lies between what its good neighbours need. */
function rangesAround(
  { backupId }: UnreadableFacts,
  backups: readonly Viewed[],
): WalRule['ranges'] {
  const good = backups.filter(isGood);
  const before = good.findLast(({ summary }) => summary.backupId < backupId)?.summary;
  const after = good.find(({ summary }) => summary.backupId > backupId)?.summary;
  const timelines = new Set(backups.map(({ summary }) => summary.timeline));
  return [...timelines].map((timeline) => ({
    timeline,
    fromLsn: before?.timeline === timeline ? before.beginLsn : FIRST_LSN,
    toLsn: after?.timeline === timeline ? ownLogEnd(after) : LAST_LSN,
    why: `backup ${backupId} cannot be read and may need it`,
  }));
}

const LAST_LSN = 'FFFFFFFF/FFFFFFFF';

// ——— small words ———

function decided({ facts, summary, state }: Viewed): DecidedBackup {
  const { backupId, major, systemId, beganAt } = summary;
  return {
    backupId,
    major,
    systemId,
    beganAt,
    state,
    storedBytes: facts.copies.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
    stores: facts.copies.map(({ store }) => store),
  };
}

function unreadableOf({ unreadable, backups }: RetentionFacts): readonly KeptBackup[] {
  const known = new Set(backups.map(({ summary }) => backupName(summary)));
  const byName = Map.groupBy(unreadable, backupName);
  return [...byName].flatMap(([name, [first, ...rest]]) => {
    if (first === undefined || known.has(name)) return [];
    const { backupId, major, systemId, reason } = first;
    return [
      {
        backupId,
        major,
        systemId,
        beganAt: null,
        state: 'unreadable' as const,
        storedBytes: 0,
        stores: [first, ...rest].map(({ store }) => store),
        tiers: [],
        reasons: [`could not be judged: ${reason}`],
      },
    ];
  });
}

function newestFirst(a: DecidedBackup, b: DecidedBackup): number {
  return compareText(b.backupId, a.backupId) || compareText(b.systemId, a.systemId);
}
