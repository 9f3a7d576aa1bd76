/**
 * A stretch of log that is gone for good, or stored twice with different bytes: told as a finding with
 * its place, size and time. It calls people until every later moment can be reached again
 * (`watch-coverage.ts`), which the next base backup brings about. From then on it stands as a thing to
 * know, together with every other hole of which somebody may still ask for a moment behind it.
 */
import { isDeepStrictEqual } from 'node:util';

import { z } from 'zod';

import { type Json, utcText } from '../kernel/codecs.ts';
import type { Finding } from '../kernel/finding.ts';
import type { ServerName } from '../kernel/ids.ts';
import { lsnBytes } from '../kernel/lsn.ts';
import { formatUtc } from '../kernel/moment.ts';
import { formatBytes } from '../kernel/size.ts';
import { LogHole } from './coverage.ts';
import type { ArchivingDeps } from './deps.ts';
import { OlderHole } from './older-holes.ts';
import { LOG_HOLE } from './prepare-slot.ts';

/** A segment is stored with two contents. */
export const LOG_CONFLICT = 'ARCHIVING_LOG_CONFLICT';

type HoleDeps = Pick<ArchivingDeps, 'clock'> & {
  readonly catalog: Pick<ArchivingDeps['catalog'], 'findings'>;
};

export interface ToldHole {
  readonly server: ServerName;
  readonly code: typeof LOG_HOLE | typeof LOG_CONFLICT;
  readonly hole: LogHole;
  /** Begins the summary's second half: `was not kept: …`. */
  readonly why: string;
  /** RFC 3339: what is lost was written after it. */
  readonly after?: string | undefined;
  /** Default: `page`. */
  readonly severity?: Finding['severity'];
  /** Holes before it that are told along. Default: those that are told already. */
  readonly older?: readonly OlderHole[];
}

/**
 * One that is open already grows, so that none is forgotten, and keeps the time that was told with it; what
 * it covers is not told again.
 */
export async function openHole(told: ToldHole, { catalog, clock }: HoleDeps): Promise<void> {
  const { server, code, why, severity = 'page' } = told;
  const rows = await toldRows(server, { catalog });
  const row = rows.find((one) => one.code === code);
  const older = told.older ?? row?.older ?? [];
  const { known, hole } = grown(row, told);
  const isCovered = known !== undefined && isDeepStrictEqual(hole, known.hole);
  const isTold = isCovered && known.severity === severity;
  if (isTold && isDeepStrictEqual(older, known.older ?? [])) return;
  const at = utcText(clock.now());
  const when = whenOf(told, isCovered ? known : { ...known, until: at }, at);
  const finding: Finding = {
    code,
    server,
    severity,
    summary: `The log of ${server} ${sayHole(hole, when)} ${why}${besides(older)}`,
    hint: `Take a backup now with \`backup ${server}\`: from then on every moment can be reached again.`,
    since: at,
  };
  const facts = { hole, ...when, ...olderFact(older) };
  await catalog.findings.open({ code, server, finding: { ...finding, ...facts }, at });
}

/** What is told, together with what was told before of the same log. */
function grown(
  row: Row | undefined,
  { hole }: ToldHole,
): { readonly known: OpenHole | undefined; readonly hole: LogHole } {
  if (row?.hole === undefined || !isOfOneLog(row.hole, hole)) return { known: undefined, hole };
  return { known: { ...row, hole: row.hole }, hole: joined(row.hole, hole) };
}

interface When {
  readonly after?: string;
  readonly until: string;
}

function whenOf(told: ToldHole, known: Pick<Row, 'after' | 'until'>, at: string): When {
  const after = known.after ?? told.after;
  return { ...(after === undefined ? {} : { after }), until: known.until ?? at };
}

function besides(older: readonly OlderHole[]): string {
  return older.length === 0 ? '' : `. Besides, it lacks ${sayOlder(older)}`;
}

function olderFact(older: readonly OlderHole[]): { readonly older?: OlderHole[] } {
  return older.length === 0 ? {} : { older: [...older] };
}

/**
 * What is left to know when the present can be reached: closed when there is nothing. While a hole is told
 * that blocks the present, that one stands.
 */
export async function settleOlder(
  server: ServerName,
  older: readonly OlderHole[],
  { catalog, clock }: HoleDeps,
): Promise<void> {
  const rows = await toldRows(server, { catalog });
  const row = rows.find((one) => one.code === LOG_HOLE);
  if (row?.hole !== undefined || isDeepStrictEqual(older, row?.older ?? [])) return;
  if (older.length === 0) {
    await catalog.findings.close(LOG_HOLE, server);
    return;
  }
  const at = utcText(clock.now());
  const finding: Finding = {
    code: LOG_HOLE,
    server,
    severity: 'warn',
    summary: `The log of ${server} lacks ${sayOlder(older)}`,
    hint: `See with \`wal ${server}\` which segments are missing, and put them back where another copy has them. Else nothing is left to do: this ends when nobody can ask for those moments any more.`,
    since: at,
  };
  const told = { ...finding, older: [...older] };
  await catalog.findings.open({ code: LOG_HOLE, server, finding: told, at });
}

/** So many are named. */
const OLDER_MAX = 10;

function sayOlder(older: readonly OlderHole[]): string {
  const shown = older.slice(-OLDER_MAX).map((hole) => {
    const { fromLsn, toLsn, timeline, repairedBy, elsewhere } = hole;
    const bytes = formatBytes(Number(lsnBytes(toLsn) - lsnBytes(fromLsn)));
    const until =
      repairedBy === undefined ? 'to the end of that timeline' : `to backup ${repairedBy}`;
    const moments = elsewhere
      ? 'another store has it'
      : `no moment from there ${until} can be reached`;
    return `what lies between ${fromLsn} and ${toLsn} (${bytes}, timeline ${timeline}; ${moments})`;
  });
  const rest = older.length - shown.length;
  return [...shown, ...(rest > 0 ? [`and ${rest} older stretches`] : [])].join(', ');
}

/** `between 0/3000000 and 0/5000000 (33.6 MB, written from … to …)`. Pure. */
function sayHole({ fromLsn, toLsn }: LogHole, { after, until }: When): string {
  const bytes = formatBytes(Number(lsnBytes(toLsn) - lsnBytes(fromLsn)));
  const when = after === undefined ? '' : `, written between ${say(after)} and ${say(until)}`;
  return `between ${fromLsn} and ${toLsn} (${bytes}${when})`;
}

function say(at: string): string {
  return formatUtc(Temporal.Instant.from(at).round('second'));
}

/** Of another cluster's log nothing is asked any more, and positions of two timelines make no stretch. */
function isOfOneLog(a: LogHole, b: LogHole): boolean {
  return a.systemId === b.systemId && a.timeline === b.timeline;
}

function joined(a: LogHole, b: LogHole): LogHole {
  return {
    ...a,
    fromLsn: lsnBytes(a.fromLsn) < lsnBytes(b.fromLsn) ? a.fromLsn : b.fromLsn,
    toLsn: lsnBytes(a.toLsn) > lsnBytes(b.toLsn) ? a.toLsn : b.toLsn,
  };
}

const Row = z.object({
  code: z.enum([LOG_HOLE, LOG_CONFLICT]),
  /** Absent: only older ones are told of. */
  hole: LogHole.optional(),
  severity: z.string(),
  /** RFC 3339: what is lost was written after it, and before `until`. */
  after: z.string().optional(),
  until: z.string().optional(),
  older: z.array(OlderHole).optional(),
});
type Row = z.infer<typeof Row>;

export interface OpenHole extends Row {
  readonly hole: LogHole;
}

async function toldRows(
  server: ServerName,
  { catalog }: Pick<HoleDeps, 'catalog'>,
): Promise<readonly Row[]> {
  const rows: readonly Json[] = await catalog.findings.list(server);
  return rows.flatMap((row) => Row.safeParse(row).data ?? []);
}

/** Those that people were called for and that are not over. */
export async function openHoles(
  server: ServerName,
  deps: Pick<HoleDeps, 'catalog'>,
): Promise<readonly OpenHole[]> {
  const rows = await toldRows(server, deps);
  return rows.flatMap(({ hole, ...row }) => (hole === undefined ? [] : [{ ...row, hole }]));
}
