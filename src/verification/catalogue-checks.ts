/**
 * Looks at the copy's catalogue where it stands, paused at a position: against production's, and by itself.
 * Without production only what the copy alone can tell is judged; the rest is SKIPPED with the reason.
 */
import { readCatalogue } from '../postgres/catalogue-reading.ts';
import { lackingLibraries, readHostNeeds } from '../postgres/catalogue-reading-host.ts';
import { readSequences } from '../postgres/catalogue-reading-sequences.ts';
import type { Session } from '../postgres/session.ts';
import { judgeCatalogue } from './catalogue-compare.ts';
import {
  type DatabaseNeeds,
  judgeCollations,
  judgeExtensions,
  judgeInvalidIndexes,
} from './catalogue-host.ts';
import type { ProductionCatalogue } from './catalogue-production.ts';
import { judgeSequences } from './catalogue-sequences.ts';
import { type CheckBook, couldNotTell, type Seen } from './checks.ts';
import { type CopyContext, databaseNames, enter } from './copy-checks.ts';

const TRANSACTION = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';

export interface CatalogueChecks {
  readonly book: CheckBook;
  readonly context: CopyContext;
  readonly database: string;
  /** Names the database in the report. */
  readonly isOneOfMany: boolean;
  /** Roles, databases and settings belong to the whole cluster: compared once. */
  readonly withShared: boolean;
  /** False: what production said was not said of this position, so it must have said it on both sides. */
  readonly isExact: boolean;
}

/** The copy must stand where production's catalogue was read. */
export async function compareCatalogue(
  checks: CatalogueChecks,
  production: ProductionCatalogue,
): Promise<void> {
  const { book, context, database, isOneOfMany, withShared, isExact } = checks;
  const of = isOneOfMany ? ` of ${database}` : '';
  const { objects, later, shared, sharedLater } = production;
  await book.look(`Catalogue${of}`, async () => {
    if (objects === undefined || (!isExact && later === undefined)) return notAsked(production);
    const copy = await inCopy(context, database, async (session) =>
      readCatalogue(session, 'database'),
    );
    return judgeCatalogue({ production: objects, later, copy });
  });
  if (withShared) {
    await book.look('Roles and databases', async () => {
      if (shared === undefined || (!isExact && sharedLater === undefined))
        return notAsked(production);
      const copy = await inCopy(context, database, async (session) =>
        readCatalogue(session, 'cluster'),
      );
      return judgeCatalogue({ production: shared, later: sharedLater, copy });
    });
  }
  await book.look(`Sequences${of}`, async () => {
    const { sequencesBefore: before, sequencesAfter: after } = production;
    if (before === undefined) return notAsked(production);
    await using session = await look(context, database);
    const { sequences: copy, toLsn: lsn } = await readSequences(session);
    return judgeSequences({ before, after, copy, lsn });
  });
}

/** SKIPPED: what production would have had to say. */
export function skipCatalogue(book: CheckBook, reason: string): void {
  for (const check of ['Catalogue', 'Roles and databases', 'Sequences'])
    book.note(check, { verdict: 'SKIPPED', detail: reason });
}

/** What the copy tells without production. */
export async function lookAtHost(
  book: CheckBook,
  context: CopyContext,
  {
    major,
    preloads = [],
  }: { readonly major: number; readonly preloads?: readonly string[] | undefined },
): Promise<void> {
  let needs: readonly DatabaseNeeds[] | undefined;
  await book.look('Extensions', async () => {
    const read: DatabaseNeeds[] = [];
    for (const database of await databaseNames(context)) {
      await using session = await look(context, database);
      read.push({ database, needs: await readHostNeeds(session) });
    }
    needs = read;
    return judgeExtensions(read, { major, preloads: await lackingPreloads(context, preloads) });
  });
  if (needs === undefined) return;
  book.note('Collations', judgeCollations(needs));
  book.note('Invalid indexes', judgeInvalidIndexes(needs));
}

/** In a paused copy nobody ever lets go of a lock. */
const LOCK_MS = 5000;

async function look(context: CopyContext, database: string): Promise<Session> {
  const session = await enter(context, database);
  await session.query(`SET lock_timeout TO ${LOCK_MS}`);
  return session;
}

async function lackingPreloads(
  context: CopyContext,
  preloads: readonly string[],
): Promise<readonly string[]> {
  await using session = await look(context, context.restored.database);
  return await lackingLibraries(session, preloads);
}

/** Not asked on purpose is SKIPPED; that it could not be read is no answer, so that the proof does not PASS. */
function notAsked({ failures, skipped }: ProductionCatalogue): Seen {
  const [reason] = failures;
  if (reason !== undefined) return couldNotTell(new Error(reason));
  const detail = skipped ?? 'not compared: production was not asked for it';
  return { verdict: 'SKIPPED', detail };
}

async function inCopy<T>(
  context: CopyContext,
  database: string,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  await using session = await look(context, database);
  return await session.transaction(TRANSACTION, async () => work(session));
}
