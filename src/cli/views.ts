/**
 * What the commonest answers look like to a person: shorter than their documents, the point first. What
 * has no view of its own is shown as labels and values (`text.ts`). Pure.
 */
import { z } from 'zod';

import { alertLines } from '../alerts/words.ts';
import { walLines } from '../archiving/wal-words.ts';
import type { Json } from '../kernel/codecs.ts';
import { formatSeconds, formatUtc } from '../kernel/moment.ts';
import { formatBytes } from '../kernel/size.ts';
import { copyFacts } from '../monitoring/copy-words.ts';
import { usageBlocks } from '../monitoring/usage-words.ts';
import { holdLines, retentionLines } from '../retention/words.ts';
import { proofWords } from '../verification/words.ts';
import { tableText } from './table.ts';
import { factLines, labelOf, type Reader, resultText, valueText } from './text.ts';

type View = (result: Json, reader: Reader) => string | undefined;

/** The answer of `operation`, in words. */
export function viewOf(operation: string, result: Json, reader: Reader): string {
  return VIEWS[operation]?.(result, reader) ?? resultText(result, reader);
}

const VIEWS: Readonly<Record<string, View | undefined>> = {
  status: statusView,
  backups: backupsView,
  runs: runsView,
  journal: journalView,
  verify: verifyView,
  restore: restoreView,
  'restore-tables': tablesView,
  usage: usageView,
  wal: (result) => walLines(result)?.join('\n'),
  retention: (result) => retentionLines(result)?.join('\n'),
  hold: (result) => holdLines(result)?.join('\n'),
  alerts: (result) => alertLines(result)?.join('\n'),
};

const Findings = z.array(z.object({ severity: z.string(), summary: z.string(), hint: z.string() }));

const Status = z.object({
  servers: z.array(
    z.object({
      server: z.string(),
      lastBackupAt: z.string().nullable(),
      lastVerifiedAt: z.string().nullable(),
      hoursSinceLastPass: z.number().nullish(),
      recoverableFrom: z.string().nullable(),
      recoverableTo: z.string().nullable(),
      rpoSeconds: z.number().nullable(),
      rtoSeconds: z.number().nullable(),
      stores: z.json().optional(),
      findings: Findings,
    }),
  ),
  findings: Findings.default([]),
});

function statusView(result: Json, reader: Reader): string | undefined {
  const read = Status.safeParse(result);
  if (!read.success) return undefined;
  const servers = read.data.servers.map((one) => {
    const to = one.recoverableTo;
    const title =
      to === null
        ? `${one.server} is not restorable yet`
        : `${one.server} is restorable to ${valueText('to', to, reader)}`;
    const facts = factLines([
      ['Back as far as', moment(one.recoverableFrom, 'nothing yet', reader)],
      ['Last backup', moment(one.lastBackupAt, 'none yet', reader)],
      ['Last proof', moment(one.lastVerifiedAt, 'none yet', reader)],
      ['Since last PASS', sincePass(one.hoursSinceLastPass)],
      ['Data at risk now', seconds(one.rpoSeconds)],
      ['Time to restore', seconds(one.rtoSeconds)],
      ...copyFacts(one.stores),
    ]);
    return [title, ...facts, ...findingLines(one.findings)].join('\n');
  });
  const beside = findingLines(read.data.findings);
  return [...servers, ...(beside.length === 0 ? [] : [beside.join('\n')])].join('\n\n');
}

function findingLines(findings: z.infer<typeof Findings>): readonly string[] {
  return findings.flatMap(({ severity, summary, hint }) => [
    `${severity === 'page' ? 'Now' : 'This week'}: ${summary}`,
    `  ${hint}`,
  ]);
}

const Verified = z.object({ verdict: z.string(), at: z.string() }).nullable();

const Backups = z.object({
  backups: z.array(
    z.object({
      server: z.string(),
      backupId: z.string(),
      endedAt: z.string(),
      sourceBytes: z.number(),
      storedBytes: z.number(),
      verified: Verified,
      stores: z.array(z.string()),
      copies: z.array(z.object({ store: z.string(), verified: Verified })).default([]),
      walComplete: z.boolean().nullish(),
    }),
  ),
  unreadable: z
    .array(
      z.object({
        store: z.string(),
        key: z.string(),
        reason: z.string(),
        hint: z.string().nullish(),
      }),
    )
    .default([]),
  unreachable: z.array(z.json()).default([]),
  clusters: z
    .array(
      z.object({
        server: z.string(),
        systemId: z.string(),
        major: z.number(),
        backups: z.number(),
      }),
    )
    .default([]),
});

function backupsView(result: Json, reader: Reader): string | undefined {
  const read = Backups.safeParse(result);
  if (!read.success) return undefined;
  const { backups, unreadable, unreachable, clusters } = read.data;
  const rows = backups.map((one) => [
    one.server,
    one.backupId,
    shortMoment(one.endedAt),
    formatBytes(one.sourceBytes),
    formatBytes(one.storedBytes),
    proved(one),
    one.stores.join(', '),
  ]);
  const header = ['Server', 'Backup', 'Ended', 'Source', 'Stored', 'Proved', 'Stores'];
  const untold = unreadable.map(({ store, key, reason }) => ({ store, key, reason }));
  const trouble = [
    ...(unreadable.length === 0 ? [] : [resultText({ unreadable: untold }, reader)]),
    ...(unreachable.length === 0 ? [] : [resultText({ unreachable }, reader)]),
  ];
  const none = trouble.length === 0 ? 'No backups' : 'No backup can be read';
  const next = new Set(unreadable.flatMap(({ hint }) => hint ?? []));
  const others = otherClusters(clusters);
  const table = rows.length === 0 ? none : tableText(header, rows);
  return [table, ...others, ...trouble, ...next].join('\n\n');
}

/** Of each copy where they differ; what lacks its log is no backup, whatever was proved of it. */
function proved({
  verified,
  copies,
  walComplete,
}: z.infer<typeof Backups>['backups'][number]): string {
  if (walComplete === false) return 'NOT WHOLE: its log is not all stored';
  const isOne = new Set(copies.map((copy) => copy.verified?.verdict)).size < 2;
  if (isOne) return verdictText(verified);
  return copies.map((copy) => `${copy.store}: ${verdictText(copy.verified)}`).join(', ');
}

/** Of each server the first is the one it is now. */
function otherClusters(clusters: z.infer<typeof Backups>['clusters']): readonly string[] {
  return clusters
    .filter(({ server }, at) => clusters.findIndex((one) => one.server === server) < at)
    .map(
      ({ server, systemId, major, backups }) =>
        `Of these, ${backups} of ${server} are of another cluster (${systemId}, PostgreSQL ${major})`,
    );
}

function verdictText(one: z.infer<typeof Verified>): string {
  return one === null ? 'not yet' : `${one.verdict} ${shortMoment(one.at)}`;
}

const RunRow = z.object({
  runId: z.string(),
  operation: z.string(),
  server: z.string().nullable(),
  state: z.string(),
  asker: z.object({ name: z.string() }),
  askedAt: z.string(),
  problem: z.object({ message: z.string() }).nullish(),
});
const Runs = z.object({ runs: z.array(RunRow) });

/** One run is shown whole, many as a table. */
function runsView(result: Json): string | undefined {
  const read = Runs.safeParse(result);
  if (!read.success || read.data.runs.length === 1) return undefined;
  if (read.data.runs.length === 0) return 'No runs';
  const rows = read.data.runs.map((run) => [
    run.runId,
    run.operation,
    run.server ?? '',
    run.state,
    run.asker.name,
    shortMoment(run.askedAt),
    run.problem?.message ?? '',
  ]);
  return tableText(['Run', 'Operation', 'Server', 'State', 'Asker', 'Asked', 'Problem'], rows);
}

const Journal = z.object({
  entries: z.array(
    z.object({
      seq: z.number(),
      at: z.string(),
      what: z.string(),
      actor: z.object({ name: z.string() }).nullable().catch(null),
      runId: z.string().nullable(),
    }),
  ),
  chain: z.json().optional(),
});

function journalView(result: Json, reader: Reader): string | undefined {
  const read = Journal.safeParse(result);
  if (!read.success) return undefined;
  const { entries, chain } = read.data;
  const rows = entries.map(({ seq, at, what, actor, runId }) => [
    String(seq),
    shortMoment(at),
    actor?.name ?? '',
    what,
    runId ?? '',
  ]);
  const table = tableText(['Entry', 'At', 'Who', 'What', 'Run'], rows);
  return chain === undefined ? table : `${table}\n\n${resultText({ chain }, reader)}`;
}

/** First the checks, then every table with both counts and what its contents came to. */
function verifyView(result: Json): string | undefined {
  const words = proofWords(result);
  if (words === undefined) return undefined;
  const { runId, title, verdict, opening, all, tables, measured, shows, next } = words;
  const run = runId === undefined ? '' : `All of it: npx dbdr runs --run ${runId}`;
  const compared = tableText(['Table', 'Production', 'Copy', 'Contents'], tables);
  return [
    `${verdict}: ${title}`,
    opening,
    tableText(['Check', 'Verdict', 'Result'], all),
    ...(tables.length === 0 ? [] : [compared]),
    [measured, shows, run, next].filter((line) => line !== undefined && line !== '').join('\n'),
  ].join('\n\n');
}

const Restored = z.object({
  server: z.string(),
  instance: z.object({ url: z.string(), directory: z.string(), expiresAt: z.string().nullable() }),
  reachedLsn: z.string(),
  reachedAt: z.string().nullable(),
  verification: z.string(),
  warnings: z.array(z.string()).default([]),
  tables: z.array(z.object({ table: z.string(), rows: z.number() })).default([]),
});

function restoreView(result: Json, reader: Reader): string | undefined {
  const read = Restored.safeParse(result);
  if (!read.success) return undefined;
  const { server, instance, reachedLsn, reachedAt, verification, tables, warnings } = read.data;
  const stays =
    instance.expiresAt === null
      ? 'until it is removed'
      : `until ${valueText('at', instance.expiresAt, reader)}`;
  const last = reachedAt === null ? '' : `, last commit ${valueText('at', reachedAt, reader)}`;
  const facts = factLines([
    // First what may make it another copy than was asked for.
    ...warnings.map((warning): [string, string] => ['Note', warning]),
    ['Reached', `log position ${reachedLsn}${last}`],
    ['Connect', `psql "${instance.url}"`],
    ['Folder', instance.directory],
    ['Stays', stays],
    ['Checked', verification],
  ]);
  const rows = tables.map((one) => [one.table, one.rows.toLocaleString('en')]);
  const counted = rows.length === 0 ? [] : ['', tableText(['Table', 'Rows in the copy'], rows)];
  return [`The copy of ${server} is ready`, ...facts, ...counted].join('\n');
}

const Tables = z.object({
  warnings: z.array(z.string()).default([]),
  tables: z.array(
    z.object({
      table: z.string(),
      restoredAs: z.string(),
      rows: z.number(),
      what: z.string().optional(),
      joinSql: z.string().nullable(),
    }),
  ),
});

function tablesView(result: Json): string | undefined {
  const read = Tables.safeParse(result);
  if (!read.success) return undefined;
  const { warnings, tables } = read.data;
  const back = tables.map(({ table, restoredAs, rows, what, joinSql }) =>
    [
      `${table} is back as ${restoredAs}: ${rows.toLocaleString('en')} rows`,
      ...(what === undefined ? [] : [what]),
      ...(joinSql === null ? [] : ['', joinSql]),
    ].join('\n'),
  );
  return [...warnings, ...back].join('\n\n');
}

function usageView(result: Json): string | undefined {
  return usageBlocks(result)
    ?.map(({ title, facts }) => [title, ...factLines(facts)].join('\n'))
    .join('\n\n');
}

function moment(text: string | null, none: string, reader: Reader): string {
  return text === null ? none : valueText(labelOf('at'), text, reader);
}

function shortMoment(text: string): string {
  const at = Temporal.Instant.from(text);
  return formatUtc(at.round({ smallestUnit: 'second', roundingMode: 'floor' }));
}

/** Of the newest backup, in the hours that alarm. */
function sincePass(hours: number | null | undefined): string {
  return hours === undefined || hours === null ? 'there was none' : `${hours.toFixed(1)} hours`;
}

function seconds(value: number | null): string {
  return value === null ? 'unknown' : formatSeconds(value);
}
