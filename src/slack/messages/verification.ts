/**
 * The verification report: the verdict in words, then a table of checks that is also readable as
 * plain text. PASS says what was proved and what the mode does not show. Pure.
 */
import type { KnownBlock } from '@slack/types';
import { z } from 'zod';

import type { Json } from '../../kernel/codecs.ts';
import { formatSeconds } from '../../kernel/moment.ts';
import { TABLE_ROWS_MAX } from '../limits.ts';
import { clip, context, escapeText, section } from './blocks.ts';
import { sayCount } from './restore.ts';
import { readInstant, sayTime } from './when.ts';

const Check = z.looseObject({
  check: z.string().optional().catch(undefined),
  name: z.string().optional().catch(undefined),
  title: z.string().optional().catch(undefined),
  verdict: z.string().optional().catch(undefined),
  status: z.string().optional().catch(undefined),
  detail: z.string().optional().catch(undefined),
  finding: z.string().optional().catch(undefined),
  summary: z.string().optional().catch(undefined),
  reason: z.string().optional().catch(undefined),
  seconds: z.number().optional().catch(undefined),
});
type Check = z.infer<typeof Check>;

const Table = z.looseObject({
  table: z.string(),
  sourceRows: z.union([z.number(), z.string()]).nullish().catch(undefined),
  restoredRows: z.union([z.number(), z.string()]).nullish().catch(undefined),
  sourceRowsMin: z.number().nullish().catch(undefined),
  sourceRowsMax: z.number().nullish().catch(undefined),
  equal: z.boolean().nullish().catch(undefined),
  outcome: z.string().optional().catch(undefined),
});
type Table = z.infer<typeof Table>;

const Report = z.looseObject({
  verdict: z.string(),
  title: z.string().optional().catch(undefined),
  next: z.string().optional().catch(undefined),
  shows: z.string().optional().catch(undefined),
  mode: z.string().optional().catch(undefined),
  server: z.string().optional().catch(undefined),
  backupId: z.string().optional().catch(undefined),
  store: z.string().optional().catch(undefined),
  checks: z.array(Check).optional().catch(undefined),
  tables: z.array(Table).optional().catch(undefined),
  latestTransactionAt: z.string().nullish().catch(undefined),
  restoredToLsn: z.string().nullish().catch(undefined),
  rpoSeconds: z.number().nullish().catch(undefined),
  rtoSeconds: z.number().nullish().catch(undefined),
  tornDown: z.boolean().optional().catch(undefined),
});
type Report = z.infer<typeof Report>;

const CELL_MAX = 400;
const SHOWS_MAX = 800;
/** What took less is no news. */
const SECONDS_SHOWN_MIN = 0.1;
const MODES: Readonly<Record<string, string>> = {
  bounded:
    'row counts are compared with production while it moves, so a difference as large as what was written meanwhile would not be seen.',
  exact: 'the contents were compared with production at one log position.',
};

/** `shop is restorable to 04:19:58 UTC`, or that it could not be proved. */
export function verificationTitle(result: Json, server: string | null): string | undefined {
  const read = Report.safeParse(result);
  return read.success ? titleOf(read.data, server) : undefined;
}

export function verificationBlocks(result: Json): readonly KnownBlock[] {
  const read = Report.safeParse(result);
  if (!read.success) return [];
  const rows = reportRows(read.data);
  const shows = read.data.shows ?? MODES[read.data.mode ?? ''];
  return [
    section(escapeText(openingOf(read.data))),
    ...(rows.length === 0 ? [] : [tableOf([['Check', 'Result', 'What was seen'], ...rows])]),
    ...closing(read.data),
    ...(shows === undefined
      ? []
      : [context(escapeText(modeWords(read.data.mode ?? 'unknown', clip(shows, SHOWS_MAX))))]),
  ];
}

/** The words may name the mode themselves. */
function modeWords(mode: string, shows: string): string {
  return shows.toLowerCase().startsWith(mode) ? `Mode: ${shows}` : `Mode ${mode}: ${shows}`;
}

/** The same as plain lines, for notifications and readers. */
export function verificationText(result: Json): string {
  const read = Report.safeParse(result);
  if (!read.success) return '';
  const rows = reportRows(read.data).map(
    ([check, verdict, seen]) => `${check}: ${verdict}, ${seen}`,
  );
  return [openingOf(read.data), ...rows, read.data.next ?? ''].join('\n');
}

function titleOf(report: Report, server: string | null): string {
  if (report.title !== undefined) return `${report.title} · ${report.verdict}`;
  const name = report.server ?? server ?? 'The server';
  const at = readInstant(report.latestTransactionAt);
  const to = at === undefined ? '' : ` to ${sayTime(at)}`;
  const titles: Readonly<Record<string, string>> = {
    PASS: `${name} is restorable${to} · PASS`,
    FAIL: `${name} could NOT be proved restorable · FAIL`,
    ERROR: `It could not be told whether ${name} is restorable · ERROR`,
    SKIPPED: `${name} was not proved · SKIPPED`,
  };
  return titles[report.verdict] ?? `${name}: ${report.verdict}`;
}

function openingOf(report: Report): string {
  const { backupId, store } = report;
  const where = store === undefined ? '' : ` in ${store}`;
  const what = backupId === undefined ? 'The newest backup' : `Backup ${backupId}${where}`;
  const lsn = report.restoredToLsn ?? undefined;
  const position = lsn === undefined ? '' : ` up to log position ${lsn}`;
  const took =
    report.rtoSeconds === undefined || report.rtoSeconds === null
      ? ''
      : ` in ${formatSeconds(report.rtoSeconds)}`;
  if (report.verdict === 'SKIPPED') return `${what} was not looked at.`;
  if (report.verdict === 'ERROR')
    return `${what} could not be judged; the backup may well be good. What stopped the proof stands below.`;
  if (report.restoredToLsn === null) return `${what} could not be restored.`;
  return `${what} was restored${position}${took} and compared with production.`;
}

type Row = readonly [check: string, verdict: string, seen: string];

function reportRows(report: Report): readonly Row[] {
  const tables = report.tables ?? [];
  return [
    ...(report.checks ?? []).map(checkRow),
    ...tables.map(tableRow),
    ...(report.tornDown === undefined ? [] : [scratchRow(report.tornDown)]),
  ].slice(0, TABLE_ROWS_MAX - 1);
}

function scratchRow(tornDown: boolean): Row {
  return tornDown
    ? ['Scratch cluster', 'done', 'removed']
    : ['Scratch cluster', 'left', 'still there; the sweeper takes it back'];
}

function checkRow(check: Check): Row {
  const seen = check.detail ?? check.finding ?? check.summary ?? check.reason ?? '–';
  const took = check.seconds ?? 0;
  const seconds = took < SECONDS_SHOWN_MIN ? '' : `, ${formatSeconds(took)}`;
  return [
    check.check ?? check.title ?? check.name ?? 'Check',
    check.verdict ?? check.status ?? 'unknown',
    clip(`${seen}${seconds}`, CELL_MAX),
  ];
}

const OUTCOMES: Readonly<Record<string, string>> = { different: 'DIFFERENT' };

function tableRow(table: Table): Row {
  const equal = table.equal === true ? 'equal' : 'different';
  const outcome = table.outcome ?? (typeof table.equal === 'boolean' ? equal : 'not compared');
  const seen = `${sayCount(table.restoredRows ?? undefined)} rows restored, ${sayExpected(table)} in production`;
  return [`Table ${table.table}`, OUTCOMES[outcome] ?? outcome, seen];
}

/** Production moves on meanwhile, so there may be a span. */
function sayExpected({ sourceRows, sourceRowsMin, sourceRowsMax }: Table): string {
  const [min, max] = [sourceRowsMin ?? undefined, sourceRowsMax ?? undefined];
  if (min === undefined || max === undefined || min === max)
    return sayCount(sourceRows ?? undefined);
  return `${sayCount(min)} to ${sayCount(max)}`;
}

function tableOf(rows: readonly Row[]): KnownBlock {
  return {
    type: 'table',
    column_settings: [{ is_wrapped: true }, { is_wrapped: true }, { is_wrapped: true }],
    rows: rows.map((row) => row.map((text) => ({ type: 'raw_text', text: text || '–' }))),
  };
}

function closing(report: Report): readonly KnownBlock[] {
  const parts = [
    ...(report.rpoSeconds === undefined || report.rpoSeconds === null
      ? []
      : [`Data at risk now: ${formatSeconds(report.rpoSeconds)}`]),
    ...(report.rtoSeconds === undefined || report.rtoSeconds === null
      ? []
      : [`Time to restore: ${formatSeconds(report.rtoSeconds)}`]),
  ];
  const next = report.next === undefined ? [] : [escapeText(clip(report.next, SHOWS_MAX))];
  const lines = [...(parts.length === 0 ? [] : [`${parts.join('. ')}.`]), ...next];
  return lines.length === 0 ? [] : [section(lines.join('\n'))];
}
