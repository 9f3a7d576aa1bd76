/**
 * A stretch of log that is gone for good, or stored twice with different bytes: told as a finding with
 * its place, size and time. It closes when every later moment can be reached again (`watch-coverage.ts`),
 * which the next base backup brings about.
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
}

/**
 * One that is open already grows, so that none is forgotten, and keeps the time that was told with it; what
 * it covers is not told again.
 */
export async function openHole(told: ToldHole, { catalog, clock }: HoleDeps): Promise<void> {
  const { server, code, why, severity = 'page' } = told;
  const known = (await openHoles(server, { catalog })).find((one) => one.code === code);
  const isSame = known !== undefined && isOfOneLog(known.hole, told.hole);
  const hole = isSame ? joined(known.hole, told.hole) : told.hole;
  const isCovered = isSame && isDeepStrictEqual(hole, known.hole);
  if (isCovered && known.severity === severity) return;
  const at = utcText(clock.now());
  const after = (isSame ? known.after : undefined) ?? told.after;
  const until = (isCovered ? known.until : undefined) ?? at;
  const finding: Finding = {
    code,
    server,
    severity,
    summary: `The log of ${server} ${sayHole(hole, { after, until })} ${why}`,
    hint: `Take a backup now with \`backup ${server}\`: from then on every moment can be reached again.`,
    since: at,
  };
  const when = { ...(after === undefined ? {} : { after }), until };
  await catalog.findings.open({ code, server, finding: { ...finding, hole, ...when }, at });
}

/** `between 0/3000000 and 0/5000000 (33.6 MB, written from … to …)`. Pure. */
function sayHole(
  { fromLsn, toLsn }: LogHole,
  { after, until }: { readonly after: string | undefined; readonly until: string },
): string {
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
  hole: LogHole,
  severity: z.string(),
  /** RFC 3339: what is lost was written after it, and before `until`. */
  after: z.string().optional(),
  until: z.string().optional(),
});
export type OpenHole = z.infer<typeof Row>;

/** Those that people were told of and that are not over. */
export async function openHoles(
  server: ServerName,
  { catalog }: Pick<HoleDeps, 'catalog'>,
): Promise<readonly OpenHole[]> {
  const rows: readonly Json[] = await catalog.findings.list(server);
  return rows.flatMap((row) => Row.safeParse(row).data ?? []);
}
