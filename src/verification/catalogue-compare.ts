/**
 * Two catalogues, compared object by object: production's and the copy's. What belongs to a table that is missing is
 * not told again, and only the first few differences are told by name. Where production was read before and after the
 * position instead of at it, only what it had both times and the copy lacks is a fault: everything else may have been
 * made and dropped, or changed and changed back, in between. That cannot be told, so it does not PASS either. Pure.
 */
import type { Catalogue, CatalogueObject } from '../postgres/catalogue-reading.ts';
import type { Seen } from './checks.ts';

export interface CataloguePair {
  readonly production: Catalogue;
  /**
   * Read again after the copy's position, where the first one was not of the position itself: what
   * changed between the two is not judged. Undefined: the first one is exact.
   */
  readonly later?: Catalogue | undefined;
  readonly copy: Catalogue;
}

const TOLD_MAX = 5;
/** Named in the report of a good copy; the others are counted too. */
const COUNTED = ['table', 'column', 'index', 'view', 'function', 'role'];
const PLURALS: Readonly<Record<string, string>> = { index: 'indexes' };
/** Their name says what they are. */
const PLAIN: ReadonlySet<string> = new Set(['table', 'column']);

export function judgeCatalogue(pair: CataloguePair): Seen {
  const { production, later } = pair;
  const found = [...missingOrChanged(pair), ...extra(pair)];
  const wrong = found.filter(({ isCertain }) => isCertain);
  if (wrong.length > 0) return { verdict: 'FAIL', detail: sayFirst(wrong) };
  if (found.length > 0) return { verdict: 'ERROR', detail: `${IN_DOUBT}: ${sayFirst(found)}` };
  const moved = later === undefined ? 0 : countMoved(production, later);
  const parts = [
    `${count(production.size - moved)} objects as in production (${sayCounts(production)})`,
    ...(moved === 0 ? [] : [`${count(moved)} changed meanwhile and were not compared`]),
  ];
  return { verdict: 'PASS', detail: parts.join(', ') };
}

const IN_DOUBT =
  'production was read before and after the position, and may have changed in between and back';

interface Difference {
  /** One sentence without its stop. */
  readonly words: string;
  /** False: production may have been so at the position. */
  readonly isCertain: boolean;
}

/** Their digests hold no identifier: taken away and given again, they are equal to what they were. */
const WITHOUT_IDENTITY: ReadonlySet<string> = new Set(['settings', 'membership', 'policy']);

function missingOrChanged({ production, later, copy }: CataloguePair): readonly Difference[] {
  const gone = relationsLacking(production, copy);
  const told: Difference[] = [];
  for (const object of production.objects()) {
    const { kind, name, parent, digest } = object;
    const restored = copy.find(kind, name);
    if (restored?.digest === digest || gone.has(parent)) continue;
    if (later !== undefined && later.find(kind, name)?.digest !== digest) continue;
    const isMissing = restored === undefined;
    const words = isMissing ? `${sayObject(object)} is missing` : sayChange(object, restored);
    const isCertain = later === undefined || (isMissing && !WITHOUT_IDENTITY.has(kind));
    told.push({ words, isCertain });
  }
  return told;
}

function extra({ production, later, copy }: CataloguePair): readonly Difference[] {
  const unknown = relationsLacking(copy, production);
  const told: Difference[] = [];
  for (const object of copy.objects()) {
    const { kind, name, parent } = object;
    const isKnown = (production.find(kind, name) ?? later?.find(kind, name)) !== undefined;
    if (isKnown || unknown.has(parent)) continue;
    const words = `${sayObject(object)} is not in production`;
    told.push({ words, isCertain: later === undefined });
  }
  return told;
}

/** What has columns. */
const RELATIONS: ReadonlySet<string> = new Set([
  'table',
  'view',
  'materialized view',
  'foreign table',
  'type',
]);

/** Names of relations of the one that the other does not have. */
function relationsLacking(one: Catalogue, other: Catalogue): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { kind, name } of one.objects())
    if (RELATIONS.has(kind) && other.find(kind, name) === undefined) names.add(name);
  return names;
}

function sayChange(object: CatalogueObject, restored: CatalogueObject): string {
  const what = sayObject(object);
  if (object.says === restored.says) return `${what} is not defined as in production`;
  return `${what} is "${restored.says}", in production "${object.says}"`;
}

function sayObject({ kind, name }: CatalogueObject): string {
  return PLAIN.has(kind) ? name : `${kind} ${name}`;
}

function sayFirst(told: readonly Difference[]): string {
  const more = told.length - TOLD_MAX;
  const words = told.slice(0, TOLD_MAX).map((one) => one.words);
  const first = words.join('; ');
  return more > 0 ? `${first} … and ${count(more)} more` : first;
}

function countMoved(production: Catalogue, later: Catalogue): number {
  let moved = 0;
  for (const { kind, name, digest } of production.objects())
    if (later.find(kind, name)?.digest !== digest) moved += 1;
  return moved;
}

function sayCounts(catalogue: Catalogue): string {
  const counts = new Map<string, number>();
  for (const { kind } of catalogue.objects()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const named = COUNTED.flatMap((kind) => {
    const number = counts.get(kind);
    return number === undefined ? [] : [sayNumber(number, kind)];
  });
  return named.length === 0 ? 'none that people make' : named.join(', ');
}

function sayNumber(number: number, kind: string): string {
  return `${count(number)} ${number === 1 ? kind : (PLURALS[kind] ?? `${kind}s`)}`;
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}
