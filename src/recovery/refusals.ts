/** Turns readings and choices that are no answer into Problems a person can act on. Pure. */
import type { BackupSummary } from '../engines/engine.ts';
import { formatAge, formatLocal, formatUtc } from '../kernel/moment.ts';
import { isProblem, Problem } from '../kernel/problem.ts';
import type { BaseChoice } from './choose-base.ts';
import {
  DST_AMBIGUOUS,
  NO_BACKUPS,
  TARGET_AFTER_LAST_WAL,
  TARGET_IN_FUTURE,
  TARGET_TOO_EARLY,
  TARGET_UNREADABLE,
  WAL_HOLE,
} from './problems.ts';
import type { Target, TargetReading } from './target.ts';

export interface Reader {
  readonly zone: string;
  readonly now: Temporal.Instant;
}

/** @throws Problem DST_AMBIGUOUS, TARGET_IN_FUTURE, TARGET_UNREADABLE */
export function requireTarget(asked: string, reading: TargetReading, reader: Reader): Target {
  switch (reading.outcome) {
    case 'target':
      return reading.target;
    case 'twice':
      throw twoReadings(asked, `happened twice in ${city(reader.zone)}`, [
        reading.first,
        reading.second,
      ]);
    case 'never':
      throw twoReadings(
        asked,
        `never happened in ${city(reader.zone)}, for the clocks went forward`,
        [reading.before, reading.after],
      );
    case 'future':
      throw new Problem(
        TARGET_IN_FUTURE,
        `Cannot go to ${formatUtc(reading.at)}: it is still to come (${formatAge(reading.at, reader.now)})`,
      );
    case 'unreadable':
      throw new Problem(TARGET_UNREADABLE, `Cannot read "${asked}" as a moment or a log position`);
    default:
      throw new TypeError(`Unreachable reading: ${JSON.stringify(reading satisfies never)}`);
  }
}

function twoReadings(
  asked: string,
  why: string,
  readings: readonly [Temporal.Instant, Temporal.Instant],
): Problem {
  const [first, second] = readings.map((at) => at.toString({ smallestUnit: 'minute' }));
  return new Problem(
    DST_AMBIGUOUS,
    `"${asked}" ${why}: ${readings.map((at) => formatUtc(at)).join(' and ')}`,
    {
      hint: `Say which: --to ${first ?? ''} or --to ${second ?? ''}.`,
      facts: { first: first ?? '', second: second ?? '' },
    },
  );
}

function city(zone: string): string {
  return zone.split('/').at(-1)?.replaceAll('_', ' ') ?? zone;
}

export type FoundBase = Extract<BaseChoice, { outcome: 'found' }>;

export interface AskedBase {
  readonly server: string;
  readonly target: Target;
  /** Stores that could not be looked at: what is refused may lie there. */
  readonly passedOver?: readonly string[];
}

/** @throws Problem NO_BACKUPS, TARGET_TOO_EARLY, TARGET_AFTER_LAST_WAL, WAL_HOLE */
export function requireBase(choice: BaseChoice, asked: AskedBase, reader: Reader): FoundBase {
  const { passedOver = [] } = asked;
  if (choice.outcome === 'found' || passedOver.length === 0)
    return requireFound(choice, asked, reader);
  try {
    return requireFound(choice, asked, reader);
  } catch (error) {
    if (!isProblem(error)) throw error;
    const { kind, message, facts, hint } = error;
    const stores = passedOver.map((store) => `"${store}"`).join(' and ');
    throw new Problem(kind, `${message}; what is in ${stores} could not be read`, { facts, hint });
  }
}

function requireFound(choice: BaseChoice, asked: AskedBase, reader: Reader): FoundBase {
  const { server, target } = asked;
  switch (choice.outcome) {
    case 'found':
      return choice;
    case 'no backups':
      throw new Problem(NO_BACKUPS, `Cannot restore "${server}": it has no backup`);
    case 'target too early':
      throw tooEarly(server, choice, { target, reader });
    case 'after last wal':
      throw afterLast(server, choice, { target, reader });
    case 'hole': {
      if (choice.thinned === true) throw ownMomentOnly(choice.base, server, show(target, reader));
      const missing = choice.missing.length === 0 ? 'its first segments' : name(choice.missing);
      throw new Problem(
        WAL_HOLE,
        `Cannot recover "${server}" to ${show(target, reader)}: WAL is missing after backup ${choice.base.backupId}: ${missing}`,
        { facts: { backupId: choice.base.backupId, missing } },
      );
    }
    default:
      throw new TypeError(`Unreachable choice: ${JSON.stringify(choice satisfies never)}`);
  }
}

function ownMomentOnly(
  { backupId, endedAt }: BackupSummary,
  server: string,
  asked: string,
): Problem {
  return new Problem(
    WAL_HOLE,
    `Cannot recover "${server}" to ${asked}: backup ${backupId}, the last one before it, is kept for its own moment only, ${endedAt}`,
    {
      facts: { backupId },
      hint: `Ask for ${endedAt}; \`retention ${server}\` shows which backups are kept and from when on every moment is.`,
    },
  );
}

interface Asked {
  readonly target: Target;
  readonly reader: Reader;
}

function tooEarly(
  server: string,
  choice: Extract<BaseChoice, { outcome: 'target too early' }>,
  { target, reader }: Asked,
): Problem {
  const earliest = target.kind === 'lsn' ? choice.lsn : formatBoth(choice.earliest, reader);
  return new Problem(
    TARGET_TOO_EARLY,
    `Cannot recover "${server}" to ${show(target, reader)}: the earliest base backup ended at ${earliest}`,
    {
      hint: `The earliest is \`--to ${target.kind === 'lsn' ? choice.lsn : choice.earliest.toString()}\`.`,
      facts: { earliest: choice.earliest.toString(), earliestLsn: choice.lsn },
    },
  );
}

function afterLast(
  server: string,
  choice: Extract<BaseChoice, { outcome: 'after last wal' }>,
  { target, reader }: Asked,
): Problem {
  const latest = choice.at === undefined ? choice.lsn : formatBoth(choice.at, reader);
  return new Problem(
    TARGET_AFTER_LAST_WAL,
    `Cannot recover "${server}" to ${show(target, reader)}: WAL is stored up to ${latest}`,
    { facts: { latestLsn: choice.lsn, latestAt: choice.at?.toString() ?? '' } },
  );
}

function name(segments: readonly string[]): string {
  const [first = '', second] = segments;
  if (segments.length > 2) return `${first} and ${segments.length - 1} more`;
  return second === undefined ? first : `${first} and ${second}`;
}

function formatBoth(at: Temporal.Instant, { zone }: Reader): string {
  return zone === 'UTC' ? formatUtc(at) : `${formatUtc(at)} (${formatLocal(at, zone)})`;
}

/** `2026-11-22 14:40:00 UTC (15:40:00 Berlin)`, `log position 5/4A7F0120`, `the newest moment`. */
function show(target: Target, reader: Reader): string {
  switch (target.kind) {
    case 'time':
      return formatBoth(Temporal.Instant.from(target.at), reader);
    case 'lsn':
      return `log position ${target.lsn}`;
    case 'xid':
      return `just before transaction ${target.xid}`;
    case 'latest':
      return 'the newest moment';
    default:
      throw new TypeError(`Unreachable target: ${JSON.stringify(target satisfies never)}`);
  }
}
