/**
 * Takes a proof point: what production holds right after a base backup, for the manifest, so that the backup
 * can be proved when production has long gone on. A backup is worth no less without one: nothing but an abort
 * comes out of here as a failure.
 */
import type { BackupSummary } from '../engines/engine.ts';
import type { ProofPoint } from '../engines/proof-point.ts';
import { isProblem } from '../kernel/problem.ts';
import { namesInUrl } from '../recovery/server-url.ts';
import { proofPointBudget } from './budget.ts';
import { watchCatalogue } from './catalogue-production.ts';
import { withCatalogues } from './catalogue-stored.ts';
import type { ContentRequest } from './content.ts';
import type { VerificationDeps } from './deps.ts';
import { takeContent } from './take-content.ts';

export interface ProofPointRequest {
  readonly summary: BackupSummary;
  /** Resolves when the first store has the log up to there. */
  readonly untilStored: ContentRequest['untilStored'];
  /** That takes the backup: a standby that is paused is claimed with it. */
  readonly run: ContentRequest['run'];
  readonly signal: AbortSignal;
}

export type TakenProofPoint =
  | { readonly outcome: 'taken'; readonly proofPoint: ProofPoint }
  /** `why` is a sentence without its stop. */
  | { readonly outcome: 'none'; readonly why: string };

/**
 * What stands in a manifest cannot be mended: one that the role was not let read, or that holds nothing of what
 * there is, could never be more than ERROR. Without it production is asked, once the right is given.
 */
function keepUseful(proofPoint: ProofPoint): TakenProofPoint {
  const { databases } = proofPoint;
  const missed = databases.flatMap((one) => one.missed);
  const isEmpty = databases.every(({ tables }) => tables.length === 0);
  const bad = missed.find(({ why }) => why === 'denied') ?? (isEmpty ? missed[0] : undefined);
  if (bad === undefined) return { outcome: 'taken', proofPoint };
  return { outcome: 'none', why: `${bad.table} could not be read: ${bad.reason}` };
}

/** The proofs of this backup will say it, too: but then nothing can be mended. */
function sayUnread(
  { log }: ContentRequest['run'],
  { catalogues, withoutCatalogues }: ProofPoint,
): void {
  const failures = catalogues?.databases.flatMap((one) => one.failures) ?? [];
  const [why] = withoutCatalogues === undefined ? failures : [withoutCatalogues];
  if (why !== undefined) log.warn('A proof point lacks catalogues', { why });
}

/** Throws only for an abort. */
export async function takeProofPoint(
  deps: VerificationDeps,
  { summary, ...asked }: ProofPointRequest,
): Promise<TakenProofPoint> {
  const { server: name, systemId, endLsn } = summary;
  const server = deps.servers[name];
  if (server === undefined || server.verification.proof_point_seconds === 0)
    return { outcome: 'none', why: 'it is switched off (`verification.proof_point_seconds: 0`)' };
  const { url, databases = [namesInUrl(url).database] } = server;
  const budget = proofPointBudget(server);
  const { signal } = asked;
  const catalogue = watchCatalogue(deps.recovery, { url, databases, onlyExact: true, signal });
  try {
    await catalogue.before();
    const request = { server: name, url, databases, budget, systemId, notBefore: endLsn };
    const taken = await takeContent(deps, {
      ...request,
      ...asked,
      alsoRead: (session, database) => catalogue.inSnapshot(session, database),
    });
    if (taken.outcome === 'taken') {
      await catalogue.after();
      const point = withCatalogues(taken.point, (database) => catalogue.of(database));
      sayUnread(asked.run, point);
      return keepUseful(point);
    }
    const other = 'the server is another cluster by now';
    return { outcome: 'none', why: taken.outcome === 'no position' ? taken.reason : other };
  } catch (error) {
    asked.signal.throwIfAborted();
    const why = isProblem(error) ? `${error.message}. ${error.hint}` : String(error);
    return { outcome: 'none', why };
  }
}
