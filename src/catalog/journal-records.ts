/**
 * The journal's rows: who did what. Rows are only ever added; each carries the hash of the one
 * before it, so that an edited, removed or inserted row breaks the chain. `journal/` reads and proves
 * it; the verbs on runs add their entries in the transaction that changes the run.
 */
import { hashJson, type Json } from '../kernel/codecs.ts';
import type { RunId } from '../kernel/ids.ts';

/** What is written: past tense, no secrets. */
export interface JournalEntry {
  readonly at: string;
  /** `asked`, `approved`, `refused`, `started`, `done`, … */
  readonly what: string;
  readonly actor: Json;
  readonly runId: RunId | null;
  readonly data: Json;
}

export interface JournalRow extends Omit<JournalEntry, 'runId'> {
  /** As it stands in the row, even if somebody has edited it: the hash must show that. */
  readonly runId: string | null;
  /** 1 for the first; no number is ever missing. */
  readonly seq: number;
  readonly previousHash: string;
  readonly hash: string;
}

export interface JournalHead {
  readonly seq: number;
  readonly hash: string;
}

export interface JournalRecords {
  append(entry: JournalEntry): Promise<JournalRow>;
  /** Entries after `seq`, oldest first, at most `limit`. */
  entriesAfter(seq: number, limit: number): Promise<readonly JournalRow[]>;
  /** The newest `limit` entries, oldest first. */
  newest(limit: number): Promise<readonly JournalRow[]>;
  /** What the last append wrote down beside the entries: shows that the newest were removed. */
  head(): Promise<JournalHead>;
}

/** What the first entry names as the one before it. */
export const FIRST_PREVIOUS_HASH = '0'.repeat(64);

/** SHA-256 over the canonical JSON of everything in the row but the hash itself. */
export function entryHash(row: Omit<JournalRow, 'hash'>): string {
  const { seq, previousHash, at, what, actor, runId, data } = row;
  return hashJson({ seq, previousHash, at, what, actor, runId, data });
}
