/**
 * What a look-only operation answered: the status has a message of its own; lists become one line an
 * entry; anything else is shown as label and value, so that a new operation is readable at once. Pure.
 */
import { alertLines } from '../../alerts/words.ts';
import type { Json } from '../../kernel/codecs.ts';
import { formatSeconds } from '../../kernel/moment.ts';
import { formatBytes } from '../../kernel/size.ts';
import { holdLines, retentionLines } from '../../retention/words.ts';
import { clip, context, escapeText, type Message, message, section, sections } from './blocks.ts';
import { listingLines } from './listings.ts';
import { type Reader, statusMessage } from './status.ts';
import { readInstant, sayMoment } from './when.ts';

/** Entries shown of each list; the terminal shows all. */
const ENTRIES_MAX = 15;
const VALUE_MAX = 200;
const LINES_MAX = 80;

const TITLES: Readonly<Record<string, string>> = {
  runs: 'Runs, newest first',
  backups: 'Base backups, newest first',
  instances: 'Restored copies',
  incident: 'Incidents',
  wal: 'The log, as far as it is stored',
  usage: 'What the stores hold',
  retention: 'What stays, and why',
  hold: 'Holds in force',
  alerts: 'What the pager was told',
};

export function answerMessage(operation: string, result: Json, reader: Reader): Message {
  const status = operation === 'status' ? statusMessage(result, reader) : undefined;
  if (status !== undefined) return status;
  const lines =
    listingLines(result, reader) ??
    retentionLines(result) ??
    holdLines(result) ??
    alertLines(result) ??
    lineList(result, reader);
  const shown = lines.slice(0, LINES_MAX);
  const title = TITLES[operation] ?? `What \`${operation}\` answers`;
  return message(`${title}\n${shown.join('\n')}`, [
    section(`*${escapeText(title)}*`),
    ...sections(shown.length === 0 ? ['Nothing.'] : shown.map(escapeText)),
    ...(lines.length > shown.length
      ? [context(`The rest: \`npx dbdr ${escapeText(operation)}\` at a terminal`)]
      : []),
  ]);
}

function lineList(result: Json, reader: Reader): readonly string[] {
  if (!isRecord(result)) return [sayValue('', result, reader)];
  return Object.entries(result).flatMap(([key, value]) => entryLines(key, value, reader));
}

function entryLines(key: string, value: Json | undefined, reader: Reader): readonly string[] {
  if (value === undefined) return [];
  if (!isList(value)) return [`${label(key)}: ${sayValue(key, value, reader)}`];
  const rest = value.length - ENTRIES_MAX;
  return [
    `${label(key)}: ${value.length === 0 ? 'none' : value.length}`,
    ...value.slice(0, ENTRIES_MAX).map((entry) => `• ${sayEntry(entry, reader)}`),
    ...(rest > 0 ? [`• and ${rest} more`] : []),
  ];
}

function sayEntry(entry: Json, reader: Reader): string {
  if (!isRecord(entry)) return sayValue('', entry, reader);
  return Object.entries(entry)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([key, value]) => `${label(key)} ${sayValue(key, value ?? null, reader)}`)
    .join(' · ');
}

function sayValue(key: string, value: Json, reader: Reader): string {
  if (value === null) return 'none';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return sayNumber(key, value);
  if (typeof value === 'string') {
    const at = /^\d{4}-\d{2}-\d{2}T/.test(value) ? readInstant(value) : undefined;
    return at === undefined ? clip(value, VALUE_MAX) : sayMoment(at, reader);
  }
  const nested = isList(value)
    ? value.map((each) => sayValue('', each, reader)).join(', ')
    : sayEntry(value, reader);
  return clip(nested === '' ? 'none' : nested, VALUE_MAX);
}

function sayNumber(key: string, value: number): string {
  if (key.endsWith('Bytes')) return formatBytes(value);
  if (key.endsWith('Seconds')) return formatSeconds(value);
  return value.toLocaleString('en-US');
}

/** `storedBytes` → `stored`; `lastBackupAt` → `last backup`. */
function label(key: string): string {
  return key
    .replace(/(Bytes|Seconds|At)$/, '')
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase();
}

function isRecord(value: Json): value is { readonly [key: string]: Json | undefined } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
