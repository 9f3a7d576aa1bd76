/**
 * What people open from a proof's report: every table with both counts and hashes, page by page, and the
 * proofs of the server so far. Only whoever clicked sees it. Pure.
 */
import type { KnownBlock } from '@slack/types';
import { z } from 'zod';

import type { RunRecord } from '../../catalog/runs.ts';
import type { Json } from '../../kernel/codecs.ts';
import { formatSeconds, formatUtc } from '../../kernel/moment.ts';
import { proofWords } from '../../verification/words.ts';
import {
  actions,
  type ButtonWords,
  clip,
  context,
  escapeText,
  linked,
  type Message,
  message,
  section,
} from './blocks.ts';
import { whisper } from './refusal.ts';
import { pagesOf, tableBlock } from './tables.ts';
import { readInstant } from './when.ts';

export const SHOW_TABLES = 'proof_tables';
export const EARLIER_TABLES = 'proof_tables_earlier';
export const SHOW_HISTORY = 'proof_history';
export const OPEN_WALK = 'proof_walk';

const TABLE_HEADER = ['Table', 'Rows in production', 'Rows in the copy', 'Contents'];
const HISTORY_HEADER = ['Began', 'Verdict', 'Backup', 'Store', 'Log position', 'Took'];
const TITLE_MAX = 280;

/** Beneath a report: what people do from there. After a FAIL the walk comes first. */
export function proofButtons(result: Json, runId: string): readonly KnownBlock[] {
  const words = proofWords(result);
  if (words === undefined) return [];
  const walk: ButtonWords = {
    actionId: OPEN_WALK,
    text: 'Open the walk',
    label: `Open the walk for a damaged backup: ${words.title}`,
    value: runId,
    style: 'primary',
  };
  const tables: ButtonWords = {
    actionId: SHOW_TABLES,
    text: 'Tables',
    label: `Every table of this proof: ${words.title}`,
    value: `${runId} 1`,
  };
  const history: ButtonWords = {
    actionId: SHOW_HISTORY,
    text: 'History',
    label: 'The proofs of this server so far',
    value: runId,
  };
  return actions([
    ...(words.verdict === 'FAIL' ? [walk] : []),
    ...(words.tables.length === 0 ? [] : [tables]),
    history,
  ]);
}

/** `wished` is counted from one; what lies outside is the nearest. */
export function tablesMessage(
  { runId, result }: Pick<RunRecord, 'runId' | 'result'>,
  wished: number,
  link: string | undefined,
): Message {
  const words = proofWords(result);
  if (words === undefined || words.tables.length === 0)
    return whisper('This proof has compared no table.');
  const pages = pagesOf(words.tables);
  const number = Math.min(pages.length, Math.max(1, wished));
  const rows = pages[number - 1] ?? [];
  const before = pages.slice(0, number - 1).flat().length;
  const which =
    pages.length === 1
      ? `${rows.length} ${rows.length === 1 ? 'table' : 'tables'}`
      : `Tables ${before + 1} to ${before + rows.length} of ${words.tables.length}, those that differ first`;
  const title = `${words.title} · ${words.verdict}`;
  return message(`${title}\n${which}\n${rows.map((row) => row.join(', ')).join('\n')}`, [
    section(`*${escapeText(clip(title, TITLE_MAX))}*\n${which}`),
    tableBlock(TABLE_HEADER, rows),
    ...actions(turnButtons(runId, number, pages.length)),
    context(`run ${linked(runId, link)} · \`npx dbdr runs --run ${runId}\``),
  ]);
}

function turnButtons(runId: string, number: number, count: number): readonly ButtonWords[] {
  const earlier: ButtonWords = {
    actionId: EARLIER_TABLES,
    text: 'Earlier tables',
    value: `${runId} ${number - 1}`,
  };
  const more: ButtonWords = {
    actionId: SHOW_TABLES,
    text: 'More tables',
    value: `${runId} ${number + 1}`,
  };
  return [...(number > 1 ? [earlier] : []), ...(number < count ? [more] : [])];
}

export interface PastProof {
  readonly run: RunRecord;
  /** Of its own message. */
  readonly link: string | undefined;
}

/** Newest first. */
export function historyMessage(server: string, proofs: readonly PastProof[]): Message {
  if (proofs.length === 0) return whisper(`No proof of ${escapeText(server)} has ended yet.`);
  const rows = proofs.map(({ run }) => historyRow(run));
  const links = proofs.map(({ link }) => link);
  const title = `The last ${proofs.length === 1 ? 'proof' : `${proofs.length} proofs`} of ${server}`;
  return message(`${title}\n${rows.map((row) => row.join(', ')).join('\n')}`, [
    section(`*${escapeText(title)}*, newest first`),
    tableBlock(HISTORY_HEADER, rows, links),
    context(`All of them: \`npx dbdr runs ${escapeText(server)}\` at a terminal`),
  ]);
}

const Past = z.looseObject({
  verdict: z.string(),
  backupId: z.string().nullish().catch(undefined),
  store: z.string().nullish().catch(undefined),
  restoredToLsn: z.string().nullish().catch(undefined),
  seconds: z.number().nullish().catch(undefined),
  isNewest: z.boolean().optional().catch(undefined),
});

function historyRow({ startedAt, askedAt, result }: RunRecord): readonly string[] {
  const began = readInstant(startedAt ?? askedAt);
  const when = began === undefined ? '' : formatUtc(began.round('second'));
  const read = Past.safeParse(result).data;
  // It ended without an answer: nobody could tell.
  if (read === undefined) return [when, 'ERROR', '', '', '', ''];
  const { verdict, backupId, store, restoredToLsn, seconds, isNewest = true } = read;
  return [
    when,
    verdict,
    `${backupId ?? ''}${isNewest ? '' : ' (an older one)'}`,
    store ?? '',
    restoredToLsn ?? '',
    typeof seconds === 'number' ? formatSeconds(seconds) : '',
  ];
}
