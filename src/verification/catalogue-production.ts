/**
 * What production's catalogue says during a proof: in the snapshot that is compared, where there is one; before and
 * after the position otherwise. Sequences are outside of snapshots and are always read before and after. What
 * cannot be read stops nothing: the reason is told by the checks that need it.
 */
import { type Catalogue, readCatalogue } from '../postgres/catalogue-reading.ts';
import { readPreloads } from '../postgres/catalogue-reading-host.ts';
import { readSequences, type SequenceReading } from '../postgres/catalogue-reading-sequences.ts';
import type { Session } from '../postgres/session.ts';
import type { RecoveryDeps } from '../recovery/deps.ts';

export interface ProductionCatalogue {
  /** Undefined: it could not be read; `failures` says why. */
  readonly objects?: Catalogue;
  /** Read again after the position; undefined where `objects` is of the position itself. */
  readonly later?: Catalogue;
  readonly shared?: Catalogue;
  readonly sharedLater?: Catalogue;
  readonly sequencesBefore?: SequenceReading;
  readonly sequencesAfter?: SequenceReading;
  /** `shared_preload_libraries`. Undefined: not asked, or our role may not see it. */
  readonly preloads?: readonly string[];
  readonly failures: readonly string[];
  /** Why what is absent is not compared, where that is no failure. */
  readonly skipped?: string;
}

export interface CatalogueWatch {
  /** Before a snapshot is taken or a position noted. */
  before(): Promise<void>;
  /** In the transaction of the snapshot, as the last thing that is done in it. */
  inSnapshot(session: Session, database: string): Promise<void>;
  /** No exact position came of the snapshots: what was read before stands again. */
  forgetExact(): void;
  after(): Promise<void>;
  of(database: string): ProductionCatalogue;
}

export interface CatalogueRequest {
  /** May hold a password. */
  readonly url: string;
  readonly databases: readonly string[];
  /** Only what a snapshot gives is of use: nothing is read for the case that there is none. */
  readonly onlyExact?: boolean;
  readonly signal: AbortSignal;
}

const STATEMENT_MS = 60_000;
const LOCK_MS = 2000;
const TRANSACTION = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Known = Mutable<Omit<ProductionCatalogue, 'failures'>> & { readonly failures: string[] };

export function watchCatalogue(
  { connect }: Pick<RecoveryDeps, 'connect'>,
  { url, databases, onlyExact = false, signal }: CatalogueRequest,
): CatalogueWatch {
  const known = new Map<string, Known>(databases.map((name) => [name, { failures: [] }]));
  /** Those read in a snapshot, with what was known of them before. */
  const exact = new Map<string, Known>();

  async function each(
    work: (session: Session, one: Known, name: string) => Promise<void>,
  ): Promise<void> {
    for (const [name, one] of known) {
      await noting(one, signal, async () => {
        await using session = await connect(url, {
          signal,
          database: name,
          applicationName: 'dbdr verify',
          statementTimeoutMs: STATEMENT_MS,
        });
        await session.query(`SET lock_timeout TO ${LOCK_MS}`);
        await work(session, one, name);
      });
    }
  }
  return {
    before: () =>
      each(async (session, one) => {
        one.sequencesBefore = await readSequences(session);
        const preloads = await readPreloads(session);
        if (preloads !== undefined) one.preloads = preloads;
        if (!onlyExact) Object.assign(one, await readBoth(session));
      }),
    async inSnapshot(session, database) {
      const one = known.get(database);
      if (one === undefined) return;
      if (!exact.has(database)) exact.set(database, { ...one, failures: [...one.failures] });
      // What was read before is of another position.
      delete one.objects;
      delete one.shared;
      await noting(one, signal, async () => {
        one.objects = await readCatalogue(session, 'database');
        one.shared = await readCatalogue(session, 'cluster');
      });
    },
    forgetExact() {
      for (const [database, earlier] of exact) known.set(database, earlier);
      exact.clear();
    },
    after: () =>
      each(async (session, one, name) => {
        one.sequencesAfter = await readSequences(session);
        if (onlyExact || exact.has(name)) return;
        const { objects, shared } = await readBoth(session);
        one.later = objects;
        one.sharedLater = shared;
      }),
    of: (database) => known.get(database) ?? { failures: ['its catalogue was not asked for'] },
  };
}

async function readBoth(
  session: Session,
): Promise<{ readonly objects: Catalogue; readonly shared: Catalogue }> {
  return session.transaction(TRANSACTION, async () => ({
    objects: await readCatalogue(session, 'database'),
    shared: await readCatalogue(session, 'cluster'),
  }));
}

async function noting(
  { failures }: Known,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    signal.throwIfAborted();
    failures.push(error instanceof Error ? error.message : String(error));
  }
}
