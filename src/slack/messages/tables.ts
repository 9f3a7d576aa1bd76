/** Tables within what Slack takes of a message: 100 rows, 10,000 characters, no empty cell. Pure. */
import type { KnownBlock, RawTextElement, RichTextBlock } from '@slack/types';

import { TABLE_ROWS_MAX } from '../limits.ts';
import { clip } from './blocks.ts';

const CELL_MAX = 400;
/** Slack takes 10,000 characters in a message's table. */
const CHARACTERS_MAX = 9000;
const PAGE_ROWS_MAX = 50;

type Row = readonly string[];

/** As many rows as Slack takes; the last one says how many there are besides. */
export function clippedTable(header: Row, rows: readonly Row[]): readonly KnownBlock[] {
  const first = pagesOf(rows, TABLE_ROWS_MAX - 2)[0] ?? [];
  if (first.length === 0) return [];
  const missing = rows.length - first.length;
  const rest = header.map((_name, index) => (index === 0 ? `and ${missing} more` : ''));
  return [tableBlock(header, missing > 0 ? [...first, rest] : first)];
}

/** All the rows, in tables that Slack takes. */
export function pagesOf(
  rows: readonly Row[],
  rowsMax = PAGE_ROWS_MAX,
): readonly (readonly Row[])[] {
  const pages: Row[][] = [];
  let characters = 0;
  for (const row of rows) {
    const cells = row.map((cell) => clip(cell, CELL_MAX));
    const width = cells.join('').length;
    const last = pages.at(-1);
    const isFull = last === undefined || last.length >= rowsMax;
    if (isFull || characters + width > CHARACTERS_MAX) {
      pages.push([cells]);
      characters = width;
    } else {
      last.push(cells);
      characters += width;
    }
  }
  return pages;
}

/** `links`: where the first cell of each row leads, if anywhere. */
export function tableBlock(
  header: Row,
  rows: readonly Row[],
  links: readonly (string | undefined)[] = [],
): KnownBlock {
  return {
    type: 'table',
    column_settings: header.map(() => ({ is_wrapped: true })),
    rows: [header.map(cellOf), ...rows.map((row, at) => rowOf(row, links[at]))],
  };
}

function rowOf(row: Row, link: string | undefined): (RawTextElement | RichTextBlock)[] {
  const [first = '', ...rest] = row;
  return [
    link === undefined || first === '' ? cellOf(first) : linkCell(first, link),
    ...rest.map(cellOf),
  ];
}

function cellOf(text: string): RawTextElement {
  return { type: 'raw_text', text: text === '' ? '–' : clip(text, CELL_MAX) };
}

function linkCell(text: string, url: string): RichTextBlock {
  const elements = [{ type: 'link' as const, url, text: clip(text, CELL_MAX) }];
  return { type: 'rich_text', elements: [{ type: 'rich_text_section', elements }] };
}
