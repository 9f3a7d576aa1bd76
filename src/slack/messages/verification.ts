/**
 * The verification report: the verdict in words, then a table of checks that is also readable as plain
 * text. Every table with its counts and hashes stands in the thread. Pure.
 */
import type { KnownBlock } from '@slack/types';

import type { Json } from '../../kernel/codecs.ts';
import { type ProofRow, type ProofWords, proofWords } from '../../verification/words.ts';
import { clip, context, escapeText, section, sections } from './blocks.ts';
import { proofButtons } from './proofs.ts';
import { clippedTable } from './tables.ts';

const CELL_MAX = 400;
const WORDS_MAX = 800;
const LEFT_OUT_MAX = 20;

/** `shop is restorable to 2026-11-24 04:19:58 UTC · PASS`. Undefined: it is no proof's result. */
export function verificationTitle(result: Json): string | undefined {
  const words = proofWords(result);
  return words === undefined ? undefined : `${words.title} · ${words.verdict}`;
}

export function verificationBlocks(result: Json, runId: string): readonly KnownBlock[] {
  const words = proofWords(result);
  if (words === undefined) return [];
  return [
    section(escapeText(clip(words.opening, WORDS_MAX))),
    ...sections(words.bad.map((bad) => `*${words.verdict}:* ${escapeText(clip(bad, WORDS_MAX))}`)),
    ...clippedTable(['Check', 'Result', 'What was seen'], rowsOf(words)),
    ...sections(closingLines(words).map((line) => escapeText(line))),
    ...(words.shows === undefined ? [] : [context(escapeText(clip(words.shows, WORDS_MAX)))]),
    ...proofButtons(result, runId),
  ];
}

/** The same as plain lines, for notifications and readers. */
export function verificationText(result: Json): string {
  const words = proofWords(result);
  if (words === undefined) return '';
  const rows = rowsOf(words).map(
    ([check, verdict, seen]) => `${check}: ${verdict}, ${clip(seen, CELL_MAX)}`,
  );
  return [words.opening, ...words.bad, ...rows, ...closingLines(words)].join('\n');
}

/** What passed and says little of its own is one row; the thread has all of it. */
function rowsOf({ rows, others }: ProofWords): readonly ProofRow[] {
  if (others.length === 0) return rows;
  const names = others.map(([check]) => check).join(', ');
  const row: ProofRow = [
    `${others.length} more ${others.length === 1 ? 'check' : 'checks'}`,
    'PASS',
    names,
  ];
  return [...rows.slice(0, -1), row, ...rows.slice(-1)];
}

/** For the thread: every table with both counts and hashes, the other checks, and what was left out. */
export function proofDetails(result: Json): readonly KnownBlock[] {
  const words = proofWords(result);
  if (words === undefined) return [];
  const { tables, leftOut, others } = words;
  const more = leftOut.length - LEFT_OUT_MAX;
  const lines = leftOut.slice(0, LEFT_OUT_MAX).map((one) => `• ${escapeText(clip(one, CELL_MAX))}`);
  return [
    ...clippedTable(['Table', 'Rows in production', 'Rows in the copy', 'Contents'], tables),
    ...sections(
      others.map(
        ([check, , seen]) => `*${escapeText(check)}*  ${escapeText(clip(seen, CELL_MAX))}`,
      ),
    ),
    ...sections([
      ...(lines.length === 0 ? [] : ['*Not compared:*', ...lines]),
      ...(more > 0 ? [`and ${more} more`] : []),
    ]),
  ];
}

function closingLines({ measured, next }: ProofWords): readonly string[] {
  const lines = [measured, ...(next === undefined ? [] : [clip(next, WORDS_MAX)])];
  return lines.filter((line) => line !== '');
}
