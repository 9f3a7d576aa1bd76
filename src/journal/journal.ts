/**
 * Who did what. Entries are only added, each with the hash of the one before it; `verify()` finds the
 * first entry that was edited, removed or put in later. It proves order and integrity against whoever
 * edits rows, not against somebody who writes the whole chain anew: for that, keep `headHash` elsewhere.
 */
import {
  entryHash,
  FIRST_PREVIOUS_HASH,
  type JournalEntry,
  type JournalRecords,
  type JournalRow,
} from '../catalog/journal-records.ts';

export type Chain =
  | { readonly outcome: 'holds'; readonly entries: number; readonly headHash: string }
  | {
      readonly outcome: 'broken';
      /** How many entries hold before the first that does not. */
      readonly entries: number;
      /** The number of the first broken or missing entry. */
      readonly seq: number;
      readonly why: string;
    };

export interface Journal {
  append(entry: JournalEntry): Promise<JournalRow>;
  /** The newest `limit` entries, oldest first. */
  newest(limit: number): Promise<readonly JournalRow[]>;
  verify(): Promise<Chain>;
}

/** Entries read at once: memory stays flat however long the journal is. */
const PAGE = 500;

export function createJournal(records: JournalRecords): Journal {
  return {
    append: (entry) => records.append(entry),
    newest: (limit) => records.newest(limit),
    verify: () => verifyChain(records),
  };
}

async function verifyChain(records: JournalRecords): Promise<Chain> {
  // Read before the entries: what is added meanwhile only makes the chain longer than the head says.
  const head = await records.head();
  let last = { seq: 0, hash: FIRST_PREVIOUS_HASH };
  for (;;) {
    const page = await records.entriesAfter(last.seq, PAGE);
    for (const row of page) {
      const why = whyBroken(row, last);
      if (why !== undefined)
        return { outcome: 'broken', entries: last.seq, seq: last.seq + 1, why };
      last = { seq: row.seq, hash: row.hash };
    }
    if (page.length < PAGE) break;
  }
  if (last.seq < head.seq)
    return {
      outcome: 'broken',
      entries: last.seq,
      seq: last.seq + 1,
      why: `The newest entries were removed: there were ${head.seq}`,
    };
  return { outcome: 'holds', entries: last.seq, headHash: last.hash };
}

interface Link {
  readonly seq: number;
  readonly hash: string;
}

/** Undefined: it follows `last` and is as it was written. */
function whyBroken(row: JournalRow, last: Link): string | undefined {
  if (row.seq !== last.seq + 1) return `It is missing: the next one is number ${row.seq}`;
  if (row.previousHash !== last.hash) return 'It does not follow the entry before it';
  return row.hash === entryHash(row) ? undefined : 'Its content is not what was written';
}
