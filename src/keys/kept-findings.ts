/**
 * What the check has found, as it is kept: opened and closed by code. What could not be told for long is a
 * page: the moment it was first noticed counts, which no later check that cannot tell either sets back.
 */
import { z } from 'zod';

import type { FindingRecords } from '../catalog/records.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Finding } from '../kernel/finding.ts';
import { findingsOf, KEY_CODES, LOST_KEY, UNPROVED } from './judge.ts';
import type { KeyIssue } from './report.ts';

/** Two checks of a daily schedule may pass over what is away for a night; the third wakes somebody. */
export const UNTOLD_MAX_HOURS = 72;
/** A check may take an hour, and wait for its turn: the one that may tell is let come to its end. */
export const GRACE_HOURS = 2;

const RIPE_HOURS = UNTOLD_MAX_HOURS + GRACE_HOURS;

export interface Noticed {
  readonly issues: readonly KeyIssue[];
  readonly server: string;
  readonly now: Temporal.Instant;
}

/** All that a check of everything says of one server. */
export async function keepFindings(
  records: FindingRecords,
  { issues, server, now }: Noticed,
): Promise<void> {
  const at = utcText(now);
  const findings = findingsOf({ issues, server, since: at });
  for (const code of KEY_CODES) {
    const finding = findings.find((one) => one.code === code);
    if (finding === undefined) await records.close(code, server);
    else {
      const severity = await severityOf(records, finding, now);
      await records.open({ code, server, finding: { ...finding, severity }, at });
    }
  }
}

/** A page that has gone out is not taken back because the check was made once more. */
async function severityOf(
  records: FindingRecords,
  { code, server, severity }: Finding,
  now: Temporal.Instant,
): Promise<Finding['severity']> {
  if (code !== UNPROVED) return severity;
  const known = (await records.list(server)).map((row) => Untold.safeParse(row).data);
  return known.some((one) => isLong(one?.since, now, UNTOLD_MAX_HOURS)) ? 'page' : severity;
}

/**
 * Makes a page of what nobody could tell for long, nor the check that is due then. What a check closes or
 * says anew meanwhile is left as it is.
 */
export async function ripen(
  records: FindingRecords,
  server: string,
  now: Temporal.Instant,
): Promise<void> {
  for (const row of await records.list(server)) {
    const untold = Untold.safeParse(row).data;
    if (untold?.severity !== 'warn' || !isLong(untold.since, now, RIPE_HOURS)) continue;
    const finding = { ...untold, severity: 'page' };
    await records.open({ code: UNPROVED, server, finding, at: utcText(now), instead: row });
  }
}

const Untold = z.object({
  code: z.literal(UNPROVED),
  server: z.string(),
  severity: z.enum(['warn', 'page']),
  summary: z.string(),
  hint: z.string(),
  since: z.string(),
  runbook: z.string().default(LOST_KEY),
});

function isLong(since: string | undefined, now: Temporal.Instant, hours: number): boolean {
  if (since === undefined) return false;
  return now.since(Temporal.Instant.from(since)).total('hours') >= hours;
}
