/**
 * Finds what the copy is compared with: the contents of production at an exact position; where there is none,
 * bounds; for an older backup what its proof point says, for which production is not asked.
 */
import type { ProofPoint } from '../engines/proof-point.ts';
import { readManifest } from '../engines/streaming/manifest.ts';
import { utcText } from '../kernel/codecs.ts';
import { formatUtc } from '../kernel/moment.ts';
import { isProblem, Problem } from '../kernel/problem.ts';
import { budgetOf, loadOf } from './budget.ts';
import { isDamage, judgeFailure, otherStore, type Seen, STORED_LOG } from './checks.ts';
import type { SourceTable } from './compare.ts';
import type { VerifiedServer } from './deps.ts';
import { readLateBefore } from './late-tables.ts';
import { PLAN_OUTDATED } from './problems.ts';
import type { Proving } from './proving.ts';
import { readSource } from './source.ts';
import { firstStore } from './stored-log.ts';
import { takeContent } from './take-content.ts';
import type { BoundedTruth, ExactTruth, Truth } from './truth.ts';

/** Undefined: nothing can be told of production; the copy is restored all the same, and not compared. */
export async function findTruth(proving: Proving): Promise<Truth | undefined> {
  const { base, isNewest } = proving.plan;
  if (isNewest || base.proofLsn === undefined) return askProduction(proving);
  return readOwnPoint(proving);
}

/** Where it cannot be read, `Stored objects` says why. */
async function readOwnPoint({ deps, plan, run, book, store }: Proving): Promise<Truth | undefined> {
  const { ring } = deps.recovery;
  let truth: ExactTruth | undefined;
  await run.step('Read what the backup must hold', async ({ signal }) =>
    book.look('Proof point', async () => {
      const place = { store: store.store, ring, summary: plan.base, signal };
      const { proofPoint: point } = await readManifest(place);
      if (point === undefined)
        return {
          verdict: 'FAIL',
          detail: 'the manifest speaks of a proof point that is not in it',
        };
      const at = point.databases[0]?.at ?? plan.base.endedAt;
      truth = { kind: 'exact', point, at, isProofPoint: true, load: null };
      const when = formatUtc(Temporal.Instant.from(at).round('second'));
      return { verdict: 'PASS', detail: `taken ${when}, with the backup: ${sayTables(point)}` };
    }),
  );
  return truth;
}

async function askProduction(proving: Proving): Promise<Truth | undefined> {
  const { run, book, catalogue } = proving;
  let truth: Truth | undefined;
  await run.step('Count production in a snapshot', async ({ signal }) => {
    await catalogue.before();
    await book.look('Production', async () => {
      const exact = await askExactly(proving, signal);
      if (exact.outcome === 'seen') return exact.seen;
      if (exact.outcome === 'truth') {
        truth = exact.truth;
        const { databases } = exact.truth.point;
        const places = databases.map(({ lsn }) => lsn).join(', ');
        return {
          verdict: 'PASS',
          detail: `at log position ${places}: ${sayTables(exact.truth.point)}`,
        };
      }
      run.log.warn('No exact position for a proof', { reason: exact.reason });
      // A snapshot that led to no position is older than the copy will be.
      catalogue.forgetExact();
      const bounded = await askBounds(proving, exact.reason, signal);
      if (!('kind' in bounded)) return bounded;
      truth = bounded;
      const { lsn, tables } = bounded.source;
      return {
        verdict: 'PASS',
        detail: `at log position ${lsn} when the proof began, ${sayCounted(tables)}, no exact position: ${exact.reason}`,
      };
    });
    if (truth !== undefined) await catalogue.after();
  });
  return truth;
}

type Asked =
  | { readonly outcome: 'truth'; readonly truth: ExactTruth }
  | { readonly outcome: 'seen'; readonly seen: Seen }
  | { readonly outcome: 'bounded'; readonly reason: string };

async function askExactly(proving: Proving, signal: AbortSignal): Promise<Asked> {
  const { deps, plan, run } = proving;
  const server = requireServer(proving);
  const { server: name, base, databases } = plan;
  const store = firstStore(deps, name);
  const holder = `verify:${run.id}`;
  const at = utcText(deps.recovery.clock.now());
  const budget = budgetOf(server);
  try {
    const taken = await takeContent(deps, {
      server: name,
      url: server.url,
      databases,
      budget,
      systemId: base.systemId,
      notBefore: base.endLsn,
      untilStored: async (lsn, options) =>
        deps.untilStored({ ...options, server: name, store, lsn, holder }),
      lateBefore: await readLateBefore(deps.catalog, name),
      alsoRead: (session, database) => proving.catalogue.inSnapshot(session, database),
      run,
      signal,
    });
    if (taken.outcome === 'other cluster')
      return { outcome: 'seen', seen: sayOther(taken.systemId, base.systemId) };
    if (taken.outcome === 'no position') return { outcome: 'bounded', reason: taken.reason };
    const { point, snapshotSeconds } = taken;
    const load = loadOf(budget, snapshotSeconds);
    const truth = { kind: 'exact', point, at, isProofPoint: false, load } as const;
    return { outcome: 'truth', truth };
  } catch (error) {
    signal.throwIfAborted();
    if (!isProblem(error) || NOBODY.has(error.kind.code)) throw error;
    if (isDamage(error)) noteDamage(proving, store.name, error);
    return { outcome: 'bounded', reason: `${error.message} (${error.hint})` };
  }
}

/** The log is read where it arrives first, whichever store is proved. */
function noteDamage({ book, store }: Proving, readFrom: string, damage: Problem): void {
  const check = store.name === readFrom ? STORED_LOG : otherStore(readFrom);
  book.note(check, judgeFailure(damage));
}

/** Production is down, or does not let us in: it would not answer other questions either. */
const NOBODY: ReadonlySet<string> = new Set([
  'POSTGRES_UNREACHABLE',
  'POSTGRES_REFUSED',
  'POSTGRES_NO_FREE_CONNECTION',
  'POSTGRES_VERSION_TOO_OLD',
]);

async function askBounds(
  proving: Proving,
  reason: string,
  signal: AbortSignal,
): Promise<BoundedTruth | Seen> {
  const { deps, plan } = proving;
  const { connect, clock } = deps.recovery;
  const server = requireServer(proving);
  const { url } = server;
  const { databases, tables } = plan;
  const budget = { ...budgetOf(server), tables };
  const beganMs = clock.elapsedMs();
  const source = await readSource({ url, databases, budget, connect, clock, signal });
  if (source.systemId !== plan.base.systemId) return sayOther(source.systemId, plan.base.systemId);
  // Production itself is read, by one session at a time.
  const cost = { ...budget, parallel: 1, readFrom: undefined };
  const load = loadOf(cost, (clock.elapsedMs() - beganMs) / 1000);
  return { kind: 'bounded', source, at: source.at, reason, load };
}

function requireServer({ deps, plan }: Proving): VerifiedServer {
  const server = deps.servers[plan.server];
  if (server !== undefined) return server;
  const message = `Cannot prove "${plan.server}": the config does not name it any more`;
  throw new Problem(PLAN_OUTDATED, message);
}

function sayOther(is: string, should: string): Seen {
  const detail = `it is another cluster (${is}) than the backup is of (${should})`;
  return { verdict: 'FAIL', detail };
}

function sayCounted(tables: readonly SourceTable[]): string {
  const counted = tables.filter(({ missed }) => missed === undefined).length;
  const all = tables.length === 1 ? '1 table' : `${tables.length} tables`;
  return counted === tables.length ? `${all} counted` : `${counted} of ${all} counted`;
}

function sayTables({ databases }: ProofPoint): string {
  const tables = databases.flatMap((one) => one.tables);
  const hashed = tables.filter(({ hash }) => hash !== null).length;
  const counted = tables.length === 1 ? '1 table' : `${tables.length} tables`;
  return `${counted} counted, ${hashed} of them hashed`;
}
