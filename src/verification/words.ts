/**
 * A proof's answer in words, the same in a chat and at a terminal: what was proved, of which backup, at which
 * position, with what came of each check and of each table, and how it measures against what the config
 * promises. Reads answers as they are stored, those of older versions too. Pure.
 */
import { z } from 'zod';

import type { Json } from '../kernel/codecs.ts';
import { formatSeconds, formatUtc } from '../kernel/moment.ts';

const text = z.string().optional().catch(undefined);
const number = z.number().nullish().catch(undefined);

const CheckRow = z.looseObject({
  check: z.string(),
  verdict: z.string(),
  detail: text,
  seconds: number,
});

const Pages = z
  .looseObject({ fromPage: z.number(), toPage: z.number() })
  .nullish()
  .catch(undefined);

const TableRow = z.looseObject({
  table: z.string(),
  sourceRows: number,
  sourceRowsMin: number,
  sourceRowsMax: number,
  restoredRows: number,
  sourceHash: z.string().nullish().catch(undefined),
  restoredHash: z.string().nullish().catch(undefined),
  pages: Pages,
  equal: z.boolean().nullish().catch(undefined),
  outcome: text,
  reason: z.string().nullish().catch(undefined),
});
type TableRow = z.infer<typeof TableRow>;

const Production = z
  .looseObject({
    snapshotSeconds: z.number(),
    limitSeconds: z.number(),
    sessions: z.number(),
    readFromStandby: z.boolean(),
  })
  .nullish()
  .catch(undefined);

const Report = z.looseObject({
  runId: text,
  server: text,
  verdict: z.string(),
  mode: text,
  title: text,
  next: text,
  shows: text,
  backupId: text,
  which: text,
  store: text,
  whyStore: text,
  isNewest: z.boolean().optional().catch(undefined),
  isProofPoint: z.boolean().optional().catch(undefined),
  checks: z.array(CheckRow).catch([]).default([]),
  tables: z.array(TableRow).catch([]).default([]),
  leftOut: z.array(z.string()).catch([]).default([]),
  beganAt: text,
  restoredToLsn: z.string().nullish().catch(undefined),
  rpoSeconds: number,
  rtoSeconds: number,
  rpoObjectiveSeconds: number,
  rtoObjectiveSeconds: number,
  nextProofAt: z.string().nullish().catch(undefined),
  tornDown: z.boolean().optional().catch(undefined),
  production: Production,
});
type Report = z.infer<typeof Report>;

export type ProofRow = readonly [what: string, result: string, seen: string];

/** Name, rows in production, rows in the copy, contents. */
export type TableCells = readonly [
  table: string,
  source: string,
  restored: string,
  contents: string,
];

export interface ProofWords {
  readonly runId: string | undefined;
  readonly verdict: string;
  /** `shop is restorable to 2026-11-24 04:19:58 UTC`. */
  readonly title: string;
  /** Which backup, which store, which position: one sentence. */
  readonly opening: string;
  /** What kept it from passing, one clause each; the first ones. */
  readonly bad: readonly string[];
  /** Every check, each table that differs, and what became of the scratch cluster. */
  readonly all: readonly ProofRow[];
  /** Of these what everybody reads: what did not pass, the checks that say most, and each table that differs. */
  readonly rows: readonly ProofRow[];
  /** The checks besides; all of them passed. */
  readonly others: readonly ProofRow[];
  /** Every table, those that differ first. */
  readonly tables: readonly TableCells[];
  /** What was not compared although it is there. */
  readonly leftOut: readonly string[];
  /** RPO and RTO with their objectives, what production paid, and the next proof; empty: nothing was measured. */
  readonly measured: string;
  /** What the mode shows and does not show. */
  readonly shows: string | undefined;
  readonly next: string | undefined;
}

const BAD_MAX = 3;

/** Undefined: it is no proof's answer. */
export function proofWords(result: Json): ProofWords | undefined {
  const read = Report.safeParse(result);
  if (!read.success) return undefined;
  const report = read.data;
  const { verdict, checks, leftOut, shows, next } = report;
  const bad = checks.filter((check) => check.verdict === verdict && verdict !== 'PASS');
  const tables = report.tables.toSorted((a, b) => Number(isDifferent(b)) - Number(isDifferent(a)));
  const seenBeside = [...tables.filter(isDifferent).map(differenceRow), ...scratchRows(report)];
  return {
    runId: report.runId,
    verdict,
    title: report.title ?? `The proof of ${report.server ?? 'the server'} ended`,
    opening: openingOf(report),
    bad: bad.slice(0, BAD_MAX).map(({ check, detail }) => `${check}: ${detail ?? verdict}`),
    all: [...checks.map(checkRow), ...seenBeside],
    rows: [...checks.filter(isTold).map(checkRow), ...seenBeside],
    others: checks.filter((check) => !isTold(check)).map(checkRow),
    tables: tables.map(tableCells),
    leftOut,
    measured: measuredOf(report),
    shows,
    next,
  };
}

function openingOf(report: Report): string {
  const { backupId, which, store, whyStore, verdict, restoredToLsn } = report;
  const what = `${backupId === undefined ? 'The backup' : `Backup ${backupId}`}${inBrackets(which)}`;
  const where = store === undefined ? '' : ` from ${store}${inBrackets(whyStore)}`;
  const isRestored = isText(restoredToLsn);
  if (verdict === 'SKIPPED' && !isRestored) return `${what} was not looked at.`;
  if (verdict === 'ERROR')
    return `${what}${where} could not be judged; it may well be good. What stopped the proof stands below.`;
  if (!isRestored) return `${what}${where} could not be restored.`;
  const took = isNumber(report.rtoSeconds) ? ` in ${formatSeconds(report.rtoSeconds)}` : '';
  return `${what} was restored${where}${took}${comparedWords(report, restoredToLsn)}.`;
}

function comparedWords({ tables, mode, isProofPoint }: Report, lsn: string): string {
  const position = `log position ${lsn}`;
  if (tables.every(({ outcome }) => outcome === 'not compared'))
    return `, up to ${position}, and looked at`;
  if (isProofPoint === true)
    return ` and compared with production as it stood at ${position}, when the backup was taken`;
  return mode === 'exact'
    ? ` and compared with production at ${position}`
    : `, up to ${position}, and compared with production`;
}

function inBrackets(words: string | undefined): string {
  return words === undefined ? '' : ` (${words})`;
}

/** On a quiet morning these say enough: how long it took, what was equal, how new, how sound. */
const TOLD = /^(?:Restore|Log position|.*largest tables|Latest transaction|Indexes and pages)$/;

function isTold({ check, verdict }: z.infer<typeof CheckRow>): boolean {
  return verdict !== 'PASS' || TOLD.test(check);
}

function checkRow(check: z.infer<typeof CheckRow>): ProofRow {
  return [check.check, check.verdict, seenOf(check)];
}

/** What took less is no news. */
const SECONDS_SHOWN_MIN = 0.1;

function seenOf({ detail, seconds }: z.infer<typeof CheckRow>): string {
  const took = seconds ?? 0;
  return `${detail ?? '–'}${took < SECONDS_SHOWN_MIN ? '' : `, ${formatSeconds(took)}`}`;
}

function scratchRows({ tornDown }: Report): readonly ProofRow[] {
  if (tornDown === undefined) return [];
  const seen = tornDown ? 'removed' : 'still there; the sweeper takes it back';
  return [['Scratch cluster', tornDown ? 'done' : 'left', seen]];
}

// ——— tables ———

function isDifferent({ outcome, equal }: TableRow): boolean {
  return outcome === undefined ? equal === false : outcome === 'different';
}

function differenceRow(table: TableRow): ProofRow {
  const { restoredRows, sourceHash, restoredHash, reason } = table;
  const source = sayExpected(table);
  const counts = isNumber(restoredRows)
    ? `${count(restoredRows)} rows in the copy, ${source} in production`
    : `${reason ?? 'not in the copy'}, ${source} rows in production`;
  const isOther = isText(sourceHash) && isText(restoredHash) && sourceHash !== restoredHash;
  const contents = isOther ? `; contents${sayHashes(table)}` : '';
  return [`Table ${table.table}`, 'DIFFERENT', `${counts}${contents}`];
}

function tableCells(table: TableRow): TableCells {
  return [
    table.table,
    sayExpected(table),
    isNumber(table.restoredRows) ? count(table.restoredRows) : '–',
    sayContents(table),
  ];
}

/** In mode bounded production moved on meanwhile, so there may be a span. */
function sayExpected({ sourceRows, sourceRowsMin: min, sourceRowsMax: max }: TableRow): string {
  if (isNumber(min) && isNumber(max) && min !== max) return `${count(min)} to ${count(max)}`;
  return isNumber(sourceRows) ? count(sourceRows) : '–';
}

function sayContents(table: TableRow): string {
  const { sourceHash, restoredHash, outcome, reason } = table;
  const why = reason === null || reason === undefined ? '' : ` (${reason})`;
  if (outcome === 'not compared' || outcome === 'in bounds') return `${outcome}${why}`;
  if (!isText(sourceHash) || !isText(restoredHash))
    return `${isDifferent(table) ? 'DIFFERENT' : 'equal by count'}${why}`;
  return sourceHash === restoredHash
    ? `equal${sayPages(table)}: ${sourceHash}`
    : `DIFFERENT${sayHashes(table)}`;
}

/** ` in pages 1000 to 2000: 12 in production, 34 in the copy`. */
function sayHashes(table: TableRow): string {
  const { sourceHash, restoredHash } = table;
  const pages = sayPages(table).replace(',', ' in');
  return `${pages}: ${sourceHash ?? ''} in production, ${restoredHash ?? ''} in the copy`;
}

/** `, pages 1000 to 2000`; empty: all of them. */
function sayPages({ pages }: TableRow): string {
  if (pages === null || pages === undefined) return '';
  return `, pages ${pages.fromPage} to ${pages.toPage}`;
}

// ——— measured ———

function measuredOf(report: Report): string {
  const {
    isNewest = true,
    rpoSeconds,
    rtoSeconds,
    rpoObjectiveSeconds,
    rtoObjectiveSeconds,
  } = report;
  const now = isNewest
    ? [
        against('Data at risk now', rpoSeconds, rpoObjectiveSeconds),
        against('Time to restore', rtoSeconds, rtoObjectiveSeconds),
      ]
    : // What an old one takes says little of today's, and it has lost what came after it.
      [against('Restoring it took', rtoSeconds, undefined)];
  const next = sayNext(report);
  return [...now, sayLoad(report), next].filter((words) => words !== undefined).join(' ');
}

function against(
  what: string,
  seconds: number | null | undefined,
  objective: number | null | undefined,
): string | undefined {
  if (!isNumber(seconds)) return undefined;
  const colon = what.endsWith('took') ? '' : ':';
  const words = `${what}${colon} ${formatSeconds(seconds)}`;
  if (!isNumber(objective)) return `${words}.`;
  const promised = formatSeconds(objective);
  return seconds > objective
    ? `${words}, MORE than the objective of ${promised}.`
    : `${words} (objective ${promised}).`;
}

/** `Production was read by 2 sessions, in a snapshot that became 81 s old (limit 1 h).` */
function sayLoad({ production, mode }: Report): string | undefined {
  if (production === null || production === undefined) return undefined;
  const { snapshotSeconds, limitSeconds, sessions, readFromStandby } = production;
  const by = sessions === 1 ? '1 session' : `${sessions} sessions`;
  const took = formatSeconds(snapshotSeconds);
  const limit = `(limit ${formatSeconds(limitSeconds)})`;
  if (readFromStandby) return `A standby stood still for ${took} ${limit}, read by ${by}.`;
  if (mode === 'bounded') return `Production was read for ${took} ${limit} by ${by}.`;
  return `Production was read by ${by}, in a snapshot that became ${took} old ${limit}.`;
}

/** `Next proof tomorrow 04:00 UTC.`, counted from the day of this one. */
function sayNext({ nextProofAt, beganAt, isNewest = true }: Report): string | undefined {
  if (!isText(nextProofAt)) return undefined;
  const at = Temporal.Instant.from(nextProofAt);
  const [day, time = ''] = formatUtc(at.round('minute')).split(/ (.*)/s);
  const today = beganAt === undefined ? undefined : Temporal.Instant.from(beganAt);
  const from = today?.toZonedDateTimeISO('UTC').toPlainDate();
  const days = from?.until(at.toZonedDateTimeISO('UTC').toPlainDate()).total('days');
  const when = days === 0 ? 'today' : days === 1 ? 'tomorrow' : day;
  return `Next proof${isNewest ? '' : ' of the newest'} ${when} ${time.replace(':00 UTC', ' UTC')}.`;
}

// ——— small words ———

function isNumber(value: number | null | undefined): value is number {
  return typeof value === 'number';
}

function isText(value: string | null | undefined): value is string {
  return typeof value === 'string';
}

function count(rows: number): string {
  return rows.toLocaleString('en-US');
}
