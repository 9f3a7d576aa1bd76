/**
 * What the copy needs of the machine it stands on, judged without production: libraries of extensions,
 * collations of the C library, indexes that are not valid. What this machine lacks is no fault of the backup. Pure.
 */
import type { HostNeeds, NeededExtension } from '../postgres/catalogue-reading-host.ts';
import { packageOf } from './catalogue-packages.ts';
import type { Seen } from './checks.ts';

export interface DatabaseNeeds {
  readonly database: string;
  readonly needs: HostNeeds;
}

const TOLD_MAX = 5;

/** `preloads`: libraries that production loads at its start and that are not here. ERROR where something in the tables cannot be read without it. */
export function judgeExtensions(
  databases: readonly DatabaseNeeds[],
  { major, preloads = [] }: { readonly major: number; readonly preloads?: readonly string[] },
): Seen {
  const all = databases.flatMap(({ needs }) => needs.extensions);
  const missing = mergeMissing(all);
  const loose = [...new Set(databases.flatMap(({ needs }) => needs.lacking))];
  const told = [
    ...missing.map((extension) => sayMissing(extension, major)),
    ...loose.map((library) => `functions need the library ${library}, which is not here`),
    ...preloads.map((library) => sayPreload(library, major)),
  ];
  const names = [...new Set(all.map(({ name, version }) => `${name} ${version}`))];
  if (told.length === 0) {
    const what = names.length === 0 ? 'none are used' : `all are here: ${sayFirst(names, ', ')}`;
    return { verdict: 'PASS', detail: what };
  }
  const isNeeded = missing.some(({ lacking, uses }) => lacking.length > 0 && uses > 0);
  return { verdict: isNeeded ? 'ERROR' : 'PASS', detail: sayFirst(told, '; ') };
}

/** Never PASS where the orders differ: an index may be right and look wrong here, or the other way round. */
export function judgeCollations(databases: readonly DatabaseNeeds[]): Seen {
  const told = [...new Set(databases.flatMap(({ needs }) => needs.collations))];
  if (told.length === 0)
    return { verdict: 'PASS', detail: 'the C library orders text here as in production' };
  const detail = `text indexes cannot be judged here, and would need REINDEX on a machine like this: ${sayFirst(told, ', ')}`;
  return { verdict: 'SKIPPED', detail };
}

export function judgeInvalidIndexes(databases: readonly DatabaseNeeds[]): Seen {
  const told = databases.flatMap(({ database, needs }) =>
    needs.invalidIndexes.map((name) => (databases.length === 1 ? name : `${database}.${name}`)),
  );
  if (told.length === 0) return { verdict: 'PASS', detail: 'none' };
  const detail = `${sayFirst(told, ', ')}: left by an index build that failed or was under way; queries do not use them`;
  return { verdict: 'PASS', detail };
}

/** One extension of several databases is told once, with all that uses it. */
function mergeMissing(all: readonly NeededExtension[]): readonly NeededExtension[] {
  const merged = new Map<string, NeededExtension>();
  for (const extension of all) {
    if (extension.isKnown && extension.lacking.length === 0) continue;
    const before = merged.get(extension.name);
    merged.set(extension.name, { ...extension, uses: extension.uses + (before?.uses ?? 0) });
  }
  return [...merged.values()];
}

function sayMissing({ name, version, lacking, uses }: NeededExtension, major: number): string {
  const brings = packageOf(name, major);
  const from = brings === undefined ? '' : `, which ${brings} brings`;
  if (lacking.length === 0)
    return `${name} ${version} is used and its control file is not here${from}; nothing is read with it`;
  const state = `${name} ${version} is used and not installed here (${lacking.join(', ')})${from}`;
  if (uses === 0) return `${state}; no table needs it to be read`;
  return `${state}; ${uses} columns and indexes of its types cannot be read`;
}

/** A scratch cluster loads none; whoever makes a server of the copy must. */
function sayPreload(library: string, major: number): string {
  const brings = packageOf(library, major);
  const from = brings === undefined ? '' : `, which ${brings} brings`;
  return `production loads ${library} at its start, and it is not here${from}`;
}

function sayFirst(told: readonly string[], between: string): string {
  const more = told.length - TOLD_MAX;
  const first = told.slice(0, TOLD_MAX).join(between);
  return more > 0 ? `${first} … and ${more} more` : first;
}
