/** What the stored log looks like to a person, at a terminal and in a chat: the point first. Pure. */
import type { Json } from '../kernel/codecs.ts';
import { formatSeconds } from '../kernel/moment.ts';
import { formatBytes } from '../kernel/size.ts';
import { type StoreReport, WalReport, walState } from './wal-report.ts';

type Hole = StoreReport['holes'][number];
type Base = WalReport['bases'][number];

/** Lists get no longer than this: the document has all of it. */
const LINES_MAX = 20;

/** Undefined: it is no answer of `wal`. */
export function walLines(result: Json): readonly string[] | undefined {
  const read = WalReport.safeParse(result);
  if (!read.success) return undefined;
  const report = read.data;
  return [
    ...headLines(report),
    ...serverLines(report),
    ...report.stores.flatMap((store) => storeLines(store)),
    ...few(report.bases, 'backups', (base) => [baseLine(base)]),
  ];
}

function headLines(report: WalReport): readonly string[] {
  const { server, rpoSeconds, ageSeconds } = report;
  return [
    `The log of ${server} ${STATES[walState(report)]}`,
    `Data at risk now: ${seconds(rpoSeconds)}; the newest moment known to be stored is ${seconds(ageSeconds)} old`,
  ];
}

const STATES = {
  hole: 'HAS A HOLE',
  unknown: 'has no hole as far as could be seen: not every store answers',
  whole: 'is stored without a hole',
} as const;

function serverLines({ serverLsn, walPerSecondBytes, slot, unreachable }: WalReport): string[] {
  if (unreachable !== null)
    return [`The server does not answer: ${unreachable.message}. ${unreachable.hint}`];
  const rate = walPerSecondBytes === null ? '' : `, writes ${formatBytes(walPerSecondBytes)}/s`;
  return [`The server is at ${serverLsn ?? 'an unknown position'}${rate}`, slotLine(slot)];
}

function slotLine(slot: WalReport['slot']): string {
  if (slot === null) return 'There is no slot: the server keeps no log for us';
  const { name, active, walStatus, restartLsn, keptBytes, safeBytes, headroomSeconds } = slot;
  const kept = keptBytes === null ? '' : ` keeps ${formatBytes(keptBytes)}`;
  const from = restartLsn === null ? '' : ` from ${restartLsn} on`;
  const room =
    safeBytes === null
      ? 'has no limit but the disk'
      : `may keep ${formatBytes(Math.max(0, safeBytes))} more (safe_wal_size)${headroom(headroomSeconds)}`;
  return `Slot ${name}: ${active ? 'in use' : 'NOT IN USE'}, ${walStatus ?? 'no state'},${kept}${from}, ${room}`;
}

function headroom(lastsSeconds: number | null): string {
  if (lastsSeconds === null) return '';
  return `: room for ${formatSeconds(lastsSeconds)} if nothing were stored from now on`;
}

function storeLines(one: StoreReport): readonly string[] {
  const { store, unreachable, storedLsn, lagBytes, rpoSeconds, coverage, conflicts } = one;
  const behind = lagBytes === null ? '' : `, ${formatBytes(lagBytes)} behind the server`;
  const apart = one.counts ? '' : ' (the server no longer waits for it)';
  const stored =
    storedLsn === null
      ? 'nothing of the log is stored'
      : `stored to ${storedLsn}${behind}, ${seconds(rpoSeconds)} at risk`;
  if (unreachable !== null)
    return [
      `Store ${store}: COULD NOT BE ASKED: ${unreachable.message}. ${unreachable.hint}`,
      `  As remembered: ${stored}${apart}`,
    ];
  return [
    `Store ${store}: ${stored}${apart}`,
    ...few(coverage, 'stretches', (run) => [
      `  Whole from ${run.from} to ${run.to} on timeline ${run.timeline}`,
    ]),
    ...few(one.holes, 'holes', holeLines),
    ...few(conflicts, 'segments', (name) => [`  Stored with two contents: ${name}`]),
  ];
}

function holeLines(hole: Hole): readonly string[] {
  const { first, last, timeline, from, to, segments, bytes, after, before, copies } = hole;
  const names = first === last ? first : `${first} to ${last}`;
  const count = segments === 1 ? '1 segment' : `${segments} segments`;
  const sides = [
    after === null ? [] : [`behind ${after.segment} (hash ${after.hash})`],
    before === null ? [] : [`before ${before.segment} (hash ${before.hash})`],
  ].flat();
  return [
    `  HOLE ${names}: timeline ${timeline}, ${count}, ${formatBytes(bytes)}, from ${from} to ${to}`,
    ...(sides.length === 0 ? [] : [`    It lies ${sides.join(' and ')}`]),
    ...few(copies, 'copies', ({ store, segment, hash }) => [
      `    ${store} holds ${segment} (hash ${hash})`,
    ]),
  ];
}

function baseLine({ backupId, timeline, from, to, reaches }: Base): string {
  const where = `Backup ${backupId} (timeline ${timeline}, from ${from})`;
  if (to === null)
    return `${where}: ${reaches === 'unknown' ? 'not known' : 'NOT EVEN ITS OWN LOG is stored'}`;
  return `${where}: to ${to}, ${REACHES[reaches]}`;
}

const REACHES: Readonly<Record<Base['reaches'], string>> = {
  all: 'all that is stored',
  hole: 'and to NO LATER MOMENT: a hole follows',
  own: 'its own log: no more of it is kept on purpose',
  left: 'where the server left that timeline for a newer one',
  unknown: 'as far as the stores that answer hold',
};

function few<T>(
  items: readonly T[],
  what: string,
  linesOf: (item: T) => readonly string[],
): readonly string[] {
  const rest = items.length - LINES_MAX;
  const shown = items.slice(-LINES_MAX).flatMap(linesOf);
  return rest > 0 ? [`  ${rest} older ${what}: see \`wal --json\``, ...shown] : shown;
}

function seconds(value: number | null): string {
  return value === null ? 'unknown' : formatSeconds(value);
}
