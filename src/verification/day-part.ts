/**
 * How much of a table is hashed today. Small tables are hashed whole every day; of a large one it is a
 * seventh of its pages, another seventh each day (`turn-part.ts`). Pure.
 */
import { PARTS, partOfDay } from './turn-part.ts';

/** Tables below it are hashed whole every day: 8,192 pages. */
const SMALL_BYTES = 64 * 1024 * 1024;

/** `small`: small tables whole, large ones not at all, as a proof point does it. */
export type HashMode = 'none' | 'small' | 'part' | 'all';

export interface TablePages {
  /** With its TOAST: what hashing it reads. */
  readonly sizeBytes: number;
  /** Of the table itself. */
  readonly pages: number;
  /** Whether its rows lie in pages that can be asked for. */
  readonly isHeap: boolean;
}

/** `[fromPage, toPage)`. */
export interface PageRange {
  readonly fromPage: number;
  readonly toPage: number;
}

export type HashPlan =
  | { readonly kind: 'none' }
  | { readonly kind: 'all' }
  | ({ readonly kind: 'pages' } & PageRange);

/** `now`: of the proof itself; the day is one of UTC. */
export function planHash(mode: HashMode, table: TablePages, now: Temporal.Instant): HashPlan {
  if (mode === 'none') return { kind: 'none' };
  if (mode === 'all' || table.sizeBytes < SMALL_BYTES) return { kind: 'all' };
  if (mode === 'small' || !table.isHeap) return { kind: 'none' };
  const part = pagesOfDay(table.pages, now);
  return part.fromPage === part.toPage ? { kind: 'none' } : { kind: 'pages', ...part };
}

function pagesOfDay(pages: number, now: Temporal.Instant): PageRange {
  const part = BigInt(partOfDay(now));
  const all = BigInt(pages);
  const parts = BigInt(PARTS);
  return {
    fromPage: Number((all * part) / parts),
    toPage: Number((all * (part + 1n)) / parts),
  };
}

/** How many pages one statement reads at most: what a budget or an abort can interrupt. */
const CHUNK_PAGES = 65_536;

/** One statement's share of a table. */
export interface Chunk {
  /** Null: from the first page, and up to the last whatever it is by then. */
  readonly fromPage: number | null;
  readonly toPage: number | null;
  readonly isHashed: boolean;
}

/** Every row is in exactly one of them, and what is hashed is exactly what the plan says. */
export function chunksOf(table: TablePages, plan: HashPlan): readonly Chunk[] {
  if (!table.isHeap) return [{ fromPage: null, toPage: null, isHashed: plan.kind === 'all' }];
  const edges = edgesOf(table.pages, plan);
  return edges.map((fromPage, index) => {
    const toPage = edges[index + 1] ?? null;
    return {
      fromPage: index === 0 ? null : fromPage,
      toPage,
      isHashed: isHashedAt(plan, fromPage),
    };
  });
}

function edgesOf(pages: number, plan: HashPlan): readonly number[] {
  const edges = new Set([0]);
  for (let page = CHUNK_PAGES; page < pages; page += CHUNK_PAGES) edges.add(page);
  if (plan.kind === 'pages') {
    edges.add(plan.fromPage);
    edges.add(plan.toPage);
  }
  return [...edges].toSorted((a, b) => a - b);
}

function isHashedAt(plan: HashPlan, page: number): boolean {
  if (plan.kind !== 'pages') return plan.kind === 'all';
  return page >= plan.fromPage && page < plan.toPage;
}
