/**
 * A finished restore: where the copy is and until when, what came back and the SQL that joins it to
 * the damaged table, rows counted. Pure.
 */
import type { KnownBlock } from '@slack/types';
import { z } from 'zod';

import type { Json } from '../../kernel/codecs.ts';
import { actions, clip, codeSection, escapeText, section, sections } from './blocks.ts';
import { readersOwn, readInstant, sayTime } from './when.ts';

export const KEEP_INSTANCE = 'keep_instance';

const Instance = z.looseObject({
  url: z.string().optional().catch(undefined),
  directory: z.string().optional().catch(undefined),
  /** Null: it stays. */
  expiresAt: z.string().nullish().catch(undefined),
});

const Table = z.looseObject({
  table: z.string(),
  restoredAs: z.string().optional().catch(undefined),
  rows: z.union([z.number(), z.string()]).optional().catch(undefined),
  what: z.string().nullish().catch(undefined),
  joinSql: z.string().nullish().catch(undefined),
  verificationSql: z.string().nullish().catch(undefined),
});
export type RestoredTable = z.infer<typeof Table>;

const RestoreResult = z.looseObject({
  instance: Instance.nullish().catch(undefined),
  reachedLsn: z.string().nullish().catch(undefined),
  reachedAt: z.string().nullish().catch(undefined),
  verification: z.string().nullish().catch(undefined),
  warnings: z.array(z.string()).optional().catch(undefined),
  tables: z.array(Table).optional().catch(undefined),
  cleanupSql: z.string().nullish().catch(undefined),
});
type RestoreResult = z.infer<typeof RestoreResult>;

/** Tables whose SQL is shown whole; the others are counted. */
const SQL_SHOWN_MAX = 4;
/** One segment after the other may have been damaged: the rest is in the run. */
const WARNINGS_MAX = 3;
const CHECKED_MAX = 1000;
const TABLES_MAX = 40;

export function restoredBlocks(result: Json, runId: string): readonly KnownBlock[] {
  const read = RestoreResult.safeParse(result);
  if (!read.success) return [];
  return [
    // First what may make it another copy than was asked for.
    ...sections([...noteLines(read.data), ...reachedLines(read.data), ...checkedLines(read.data)]),
    ...instanceBlocks(read.data, runId),
    ...tableBlocks(read.data.tables ?? [], runId),
    ...cleanupBlocks(read.data, runId),
  ];
}

/** `orders: 50,000 rows in dbdr_restored_r1.orders`, for the plain text. */
export function restoredText(result: Json): string {
  const read = RestoreResult.safeParse(result);
  if (!read.success) return '';
  return (read.data.tables ?? []).map(tableText).join('; ');
}

function reachedLines(result: RestoreResult): readonly string[] {
  const at = readInstant(result.reachedAt);
  const lsn = result.reachedLsn ?? undefined;
  if (at === undefined && lsn === undefined) return [];
  const parts = [
    ...(at === undefined ? [] : [`the last transaction is of ${sayTime(at)}`]),
    ...(lsn === undefined ? [] : [`log position ${escapeText(lsn)}`]),
  ];
  return [`*Reached*  ${parts.join(', ')}`];
}

function cleanupBlocks({ cleanupSql }: RestoreResult, runId: string): readonly KnownBlock[] {
  const sql = cleanupSql ?? '';
  return sql === ''
    ? []
    : [codeSection('To take the copies away again afterwards:', sql, whereSql(runId))];
}

function noteLines({ warnings = [] }: RestoreResult): readonly string[] {
  return warnings
    .slice(0, WARNINGS_MAX)
    .map((one) => `*Note*  ${escapeText(clip(one, CHECKED_MAX))}`);
}

function checkedLines({ verification }: RestoreResult): readonly string[] {
  const words = verification ?? '';
  return words === '' ? [] : [`*Checked*  ${escapeText(clip(words, CHECKED_MAX))}`];
}

function instanceBlocks(result: RestoreResult, runId: string): readonly KnownBlock[] {
  const instance = result.instance;
  if (instance === undefined || instance === null) return [];
  const until = readInstant(instance.expiresAt);
  const lines = [
    ...(instance.url === undefined ? [] : [`*Copy*  \`psql "${escapeText(instance.url)}"\``]),
    ...(instance.directory === undefined ? [] : [`*In*  \`${escapeText(instance.directory)}\``]),
    ...(instance.expiresAt === null ? ['*Removed*  never by itself: it stays until told'] : []),
    ...(until === undefined
      ? []
      : [
          `*Removed*  by itself at ${sayTime(until)}, ${readersOwn(until)} for you, unless it is kept longer`,
        ]),
  ];
  if (lines.length === 0) return [];
  return [
    section(lines.join('\n')),
    ...(until === undefined
      ? []
      : actions([
          {
            actionId: KEEP_INSTANCE,
            text: 'Keep the copy longer',
            label: `Keep the restored copy of run ${runId} longer`,
            value: runId,
          },
        ])),
  ];
}

function tableBlocks(tables: readonly RestoredTable[], runId: string): readonly KnownBlock[] {
  if (tables.length === 0) return [];
  const withSql = tables.filter((table) => (table.joinSql ?? '') !== '');
  const rest = withSql.length - SQL_SHOWN_MAX;
  return [
    ...sections(tables.slice(0, TABLES_MAX).map((table) => `*${escapeText(tableText(table))}*`)),
    ...withSql.slice(0, SQL_SHOWN_MAX).flatMap((table) => sqlBlocks(table, runId)),
    ...(rest > 0 ? [section(`The SQL for ${rest} more tables: ${whereSql(runId)}`)] : []),
  ];
}

function sqlBlocks(table: RestoredTable, runId: string): readonly KnownBlock[] {
  const what = table.what ?? `This brings back what ${table.table} lost.`;
  const words = `${escapeText(what)} Read it, then run it on production:`;
  const check = table.verificationSql ?? '';
  return [
    codeSection(words, table.joinSql ?? '', whereSql(runId)),
    ...(check === ''
      ? []
      : [codeSection('It worked when this answers 0:', check, whereSql(runId))]),
  ];
}

function whereSql(runId: string): string {
  return `\`npx dbdr runs --run ${runId} --json\` has it.`;
}

function tableText(table: RestoredTable): string {
  const where = ` in ${table.restoredAs ?? 'the copy'}`;
  return `${table.table}: ${sayCount(table.rows)} rows${where}`;
}

/** `50,000`; whatever is not a number stays as it is. */
function sayCount(count: number | string | undefined): string {
  if (count === undefined) return 'unknown';
  const value = Number(count);
  return Number.isFinite(value) ? value.toLocaleString('en-US') : String(count);
}
