/**
 * A result as a person reads it: labels and values, lists as tables, sizes, lengths and moments in
 * words. The names in the JSON decide: `…Bytes`, `…Seconds`, `…At`. Pure.
 */
import type { Json } from '../kernel/codecs.ts';
import { formatAge, formatLocal, formatSeconds, formatUtc } from '../kernel/moment.ts';
import { formatBytes } from '../kernel/size.ts';
import { tableText } from './table.ts';

export interface Reader {
  readonly zone: string;
  readonly now: Temporal.Instant;
}

type JsonObject = { readonly [key: string]: Json | undefined };

const MEASURED = /(?:Bytes|Seconds|^last.*At|^recoverable(?:From|To))$/;

/** A cell longer than this does not stand in a table. */
const CELL_MAX = 110;
/** A column wider than this stands last, where nothing is pushed out of sight by it. */
const COLUMN_MAX = 40;

/** What a reader looks for first; rows come back from the catalogue in the order of the alphabet. */
const FIRST = [
  'title',
  'said',
  'verdict',
  'server',
  'check',
  'table',
  'runId',
  'operation',
  'state',
  'backupId',
  'number',
  'code',
];

export function resultText(result: Json, reader: Reader): string {
  return isObject(result) ? objectText(result, reader) : valueText('', result, reader);
}

function objectText(object: JsonObject, reader: Reader): string {
  const entries = inReadingOrder(Object.keys(object))
    .map((key) => [key, object[key]] as const)
    .filter(([key, value]) => isSaid(key, value));
  const flat = entries.filter(([, value]) => isFlat(value ?? null));
  const deep = entries.filter(([, value]) => !isFlat(value ?? null));
  const width = Math.max(8, ...flat.map(([key]) => labelOf(key).length));
  const lines = flat.map(([key, value]) =>
    factLine([labelOf(key), valueText(key, value ?? null, reader)], width),
  );
  const blocks = deep.map(
    ([key, value]) => `${labelOf(key)}\n${indent(deepText(value ?? null, reader))}`,
  );
  return [...(lines.length > 0 ? [lines.join('\n')] : []), ...blocks].join('\n\n');
}

/** What is not there is not worth a line, but what could not be measured is. */
function isSaid(key: string, value: Json | undefined): boolean {
  return value !== undefined && (value !== null || MEASURED.test(key));
}

function deepText(value: Json, reader: Reader): string {
  if (!isList(value)) return isObject(value) ? objectText(value, reader) : '';
  if (value.every(isPair)) return factLines(value).join('\n');
  const rows = value.filter(isObject);
  if (rows.length < value.length || rows.some((row) => !fitsTable(row)))
    return value.map((one) => resultText(one, reader)).join('\n\n');
  return rowsText(rows, reader);
}

function rowsText(rows: readonly JsonObject[], reader: Reader): string {
  const columns = inReadingOrder([...new Set(rows.flatMap((row) => Object.keys(row)))])
    .map((key) => ({ key, cells: rows.map((row) => valueText(key, row[key] ?? null, reader)) }))
    .filter(({ cells }) => cells.some((cell) => cell !== ''));
  const wide = columns.filter(({ cells }) => cells.some((cell) => cell.length > COLUMN_MAX));
  const ordered = [...columns.filter((column) => !wide.includes(column)), ...wide];
  return tableText(
    ordered.map(({ key }) => labelOf(key)),
    rows.map((_row, index) => ordered.map(({ cells }) => cells[index] ?? '')),
  );
}

function inReadingOrder(keys: readonly string[]): readonly string[] {
  const first = FIRST.filter((key) => keys.includes(key));
  return [...first, ...keys.filter((key) => !first.includes(key))];
}

function fitsTable(row: JsonObject): boolean {
  const values = Object.values(row);
  if (values.some((value) => !isFlat(value ?? null))) return false;
  const texts = values.filter((value) => typeof value === 'string');
  if (texts.some((text) => text.length > CELL_MAX || text.includes('\n'))) return false;
  return texts.filter((text) => text.length > COLUMN_MAX).length <= 1;
}

/** `[label, value]`, as explanations have them. */
function isPair(value: Json): value is readonly [string, string] {
  return isList(value) && value.length === 2 && value.every((one) => typeof one === 'string');
}

/** `Target   2026-11-22 14:40:00 UTC`; further lines stand under the value. */
function factLine([label, value]: readonly [string, string], width: number): string {
  return `${label.padEnd(width)}  ${value.replaceAll('\n', `\n${' '.repeat(width + 2)}`)}`;
}

export function factLines(facts: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(8, ...facts.map(([label]) => label.length));
  return facts.map((fact) => factLine(fact, width));
}

const SHORT_WORDS = new Map([
  ['Rpo', 'RPO'],
  ['Rto', 'RTO'],
  ['Lsn', 'LSN'],
  ['Wal', 'WAL'],
  ['Url', 'URL'],
  ['Sql', 'SQL'],
  ['Id', 'id'],
]);

/** `lastBackupAt` → `Last backup`, `rpoSeconds` → `RPO`. */
export function labelOf(key: string): string {
  const bare = key.replace(/(?<=.)(?:At|Bytes|Seconds)$/, '');
  const words = bare.split(/(?=[A-Z])/).map((word) => {
    const capital = `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
    return SHORT_WORDS.get(capital) ?? word.toLowerCase();
  });
  const text = words.join(' ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

export function valueText(key: string, value: Json, reader: Reader): string {
  if (value === null) return MEASURED.test(key) ? 'unknown' : '';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return numberText(key, value);
  if (typeof value === 'string') return momentText(value, reader) ?? value;
  if (isList(value)) return value.length === 0 ? 'none' : listText(key, value, reader);
  return isObject(value) ? 'none' : '';
}

function numberText(key: string, value: number): string {
  if (/bytes$/i.test(key)) return formatBytes(value);
  if (/seconds$/i.test(key)) return formatSeconds(value);
  return value.toLocaleString('en');
}

function listText(key: string, values: readonly Json[], reader: Reader): string {
  return values.map((value) => valueText(key, value, reader)).join(', ');
}

const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z$/;

function momentText(text: string, { zone, now }: Reader): string | undefined {
  if (!MOMENT.test(text)) return undefined;
  const at = Temporal.Instant.from(text);
  const second = at.round({ smallestUnit: 'second', roundingMode: 'floor' });
  const local = zone === 'UTC' ? '' : `${formatLocal(second, zone)}, `;
  return `${formatUtc(second)} (${local}${formatAge(at, now)})`;
}

function isFlat(value: Json): boolean {
  if (isList(value)) return value.every((one) => typeof one !== 'object' || one === null);
  return !isObject(value) || Object.keys(value).length === 0;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}
