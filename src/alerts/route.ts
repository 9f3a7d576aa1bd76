/**
 * What the pager is told: findings of severity `page`. An open one is a trigger, a closed one a resolve. What
 * was noticed by looking must stand for a moment: what the next look takes back wakes nobody, such as the log
 * that is behind because the bot has only just started. What a run has said is told at once.
 * One thing is told under one key for each server and topic, however many findings say it: once, and again
 * when a later run says it, or after a quiet time. Whoever resolves a page by hand while what it tells still
 * stands is not asked by anybody else; where it is open there, telling it again makes no sound. Pure.
 */
import { createHash } from 'node:crypto';

import { z } from 'zod';

import type { NewOutboxRow, OutboxRecord } from '../catalog/records.ts';
import { type Json, utcText } from '../kernel/codecs.ts';
import { isRunId } from '../kernel/ids.ts';
import { type Page, RUN_ID, readPage } from './pager.ts';
import { FailedCopy, PROOF_FAILED } from './run-findings.ts';

export const ALERT_UNDELIVERED = 'ALERT_UNDELIVERED';

/** Who is woken by a proof that could not tell need not be woken again by the hours that pass. */
const TOLD_AS: Readonly<Record<string, string | undefined>> = {
  PROOF_UNDECIDED: 'NOT_VERIFIED',
  BACKUP_FAILED: 'BACKUP_OVERDUE',
};

/** Longer than from one look of monitoring to the next. */
const STANDS_SECONDS = 90;

/** PagerDuty docs, Events API v2: `dedup_key` has at most 255 characters. */
const KEY_MAX = 255;

export const PagedFinding = z.object({
  code: z.string(),
  server: z.string(),
  severity: z.enum(['warn', 'page']),
  summary: z.string(),
  hint: z.string(),
  since: z.string(),
  runbook: z.string().optional().catch(undefined),
  runId: z.string().optional().catch(undefined),
  backupId: z.string().optional().catch(undefined),
  store: z.string().optional().catch(undefined),
  service: z.string().optional().catch(undefined),
  failed: z.array(FailedCopy).optional().catch(undefined),
});
export type PagedFinding = z.infer<typeof PagedFinding>;

/** What nobody can read is no finding. */
export function readFindings(rows: readonly Json[]): readonly PagedFinding[] {
  return rows.flatMap((row) => PagedFinding.safeParse(row).data ?? []);
}

export interface Standing {
  readonly findings: readonly PagedFinding[];
  /** Those of the config: what stands open of one that is gone from it is nobody's any more. */
  readonly servers: readonly string[];
  /** What the pager has been told and not been taken back. */
  readonly open: readonly OutboxRecord[];
  /** Which installation this is: two that share a service must not resolve each other's pages. */
  readonly installation: string;
  /** What was taken so long ago and still stands is told again. */
  readonly remindSeconds: number;
  readonly now: Temporal.Instant;
}

/** What is to be told now, in order. */
export function pagesOf(standing: Standing): readonly NewOutboxRow[] {
  const { open, now } = standing;
  const madeAt = utcText(now);
  const wanted = wantedOf(standing);
  const triggered = new Set(open.map(({ dedupKey }) => dedupKey));
  const triggers = [...wanted]
    .filter(([key, finding]) => !triggered.has(key) && stands(finding, now))
    .map(([dedupKey, finding]): NewOutboxRow => {
      const { server, runId = '' } = finding;
      const page = pageOf(finding);
      const about = isRunId(runId) ? runId : null;
      return { dedupKey, server, action: 'trigger', page, runId: about, madeAt };
    });
  const resolves = open
    .filter(({ dedupKey }) => !wanted.has(dedupKey))
    .map(({ dedupKey, server, page }): NewOutboxRow => {
      return { dedupKey, server, action: 'resolve', page, runId: null, madeAt };
    });
  const reminders = open.flatMap((row) => reminderOf(row, wanted.get(row.dedupKey), standing));
  return [...resolves, ...triggers, ...reminders];
}

/** By key: of several that tell one thing, one that stands; of those the one that a run said last. */
function wantedOf({
  findings,
  servers,
  installation,
  now,
}: Standing): ReadonlyMap<string, PagedFinding> {
  const wanted = new Map<string, PagedFinding>();
  for (const finding of findings) {
    const isOurs = finding.server === '' || servers.includes(finding.server);
    if (!isOurs || !isPaged(finding)) continue;
    const key = dedupKeyOf(installation, finding);
    const before = wanted.get(key);
    if (before === undefined || isRather(finding, before, now)) wanted.set(key, finding);
  }
  return wanted;
}

function isRather(one: PagedFinding, other: PagedFinding, now: Temporal.Instant): boolean {
  if (stands(one, now) !== stands(other, now)) return stands(one, now);
  // Otherwise what a later run says is no news behind what says it without one.
  return secondOf(one.runId ?? '') > secondOf(other.runId ?? '');
}

/** What is still on its way is told anyway; what nobody took, the outbox tells until somebody does. */
function reminderOf(
  row: OutboxRecord,
  finding: PagedFinding | undefined,
  { remindSeconds, now }: Standing,
): readonly NewOutboxRow[] {
  const { dedupKey, server, acceptedAt } = row;
  if (finding === undefined || row.state !== 'accepted' || acceptedAt === null) return [];
  const { runId = '' } = finding;
  const told = readPage(row).details[RUN_ID] ?? '';
  const isNews = isRunId(runId) && runId !== told && secondOf(runId) >= secondOf(told);
  const quietSeconds = now.since(Temporal.Instant.from(acceptedAt)).total('seconds');
  if (!isNews && quietSeconds < remindSeconds) return [];
  return [
    {
      dedupKey,
      server,
      action: 'trigger',
      page: { ...pageOf(finding), again: true },
      // A run whose page was taken hears nothing new.
      runId: isNews ? runId : null,
      madeAt: utcText(now),
      again: true,
    },
  ];
}

/** That the pager does not take pages cannot be told to the pager. */
function isPaged({ code, severity }: PagedFinding): boolean {
  return severity === 'page' && code !== ALERT_UNDELIVERED;
}

function stands({ runId, since }: PagedFinding, now: Temporal.Instant): boolean {
  if (runId !== undefined) return true;
  return now.since(Temporal.Instant.from(since)).total('seconds') >= STANDS_SECONDS;
}

/** `dbdr/i-…/shop/PROOF_FAILED`, `dbdr/i-…/shop/MIRROR_LEFT_OUT/west`. */
export function dedupKeyOf(
  installation: string,
  finding: Pick<PagedFinding, 'code' | 'server' | 'store' | 'service'>,
): string {
  const { code, server, store, service } = finding;
  // Of these there is one a service or a store; a proof's failures are told as one, whatever the store.
  const part = service ?? (code === PROOF_FAILED ? undefined : store);
  const topic = [TOLD_AS[code] ?? code, ...(part === undefined ? [] : [part])].join('/');
  const key = `dbdr/${installation}/${server === '' ? 'all' : server}/${topic}`;
  if (key.length <= KEY_MAX) return key;
  return `dbdr/${createHash('sha256').update(key).digest('hex')}`;
}

/** Names of runs begin with the second when they were asked for: `r-20261122T145200`. */
function secondOf(runId: string): string {
  return runId.slice(0, 'r-20261122T145200'.length);
}

function pageOf({ code, server, summary, hint, since, runbook, ...more }: PagedFinding): Page {
  const { runId, backupId, store } = more;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['what to do next', hint],
    ['runbook', runbook === undefined ? undefined : `runbooks/${runbook}`],
    [RUN_ID, runId],
    ['run', runId === undefined ? undefined : `npx dbdr runs --run ${runId}`],
    ['backup id', backupId],
    ['store', store],
    ['see', `npx dbdr status${server === '' ? '' : ` ${server}`}`],
  ];
  return {
    summary,
    source: server === '' ? 'dbdr' : server,
    component: componentOf(code),
    code,
    since,
    details: Object.fromEntries(
      facts.flatMap(([label, value]) => (value === undefined ? [] : [[label, value]])),
    ),
    runbook: runbook ?? null,
  };
}

const COMPONENTS: readonly (readonly [RegExp, string])[] = [
  [/^(PROOF|NOT_VERIFIED|RESTORE)/, 'verification'],
  [/^BACKUP/, 'backup'],
  [/^(ARCHIVING|SLOT|WAL)/, 'archiving'],
  [/^MIRROR/, 'mirroring'],
  [/^KEY/, 'keys'],
];

function componentOf(code: string): string {
  return COMPONENTS.find(([form]) => form.test(code))?.[1] ?? 'dbdr';
}
