/**
 * Has a backup's proof point taken while the backup is being put together, and looks that it can be
 * reached: all of its log must be in the store, unbroken and on the backup's own timeline, before the
 * manifest speaks of it. Without one the backup is as good as ever, and its result says why.
 */
import { z } from 'zod';

import type { BackupRequest, BackupSummary } from '../engines/engine.ts';
import type { ProofPoint } from '../engines/proof-point.ts';
import type { Run } from '../gate/operation.ts';
import type { BackupDeps, BackupServer, ProofPointRequest, TakenProofPoint } from './deps.ts';
import { waitForOwnLog } from './own-log.ts';

/** The positions were found in stored log, so there is not much more to come. */
const STORED_LIMIT_MS = 10 * 60_000;

export const ProofPointTold = z.strictObject({
  /** What was counted at one position behind the backup; null: it has none. */
  proofPoint: z
    .strictObject({
      tables: z.number(),
      rows: z.number(),
      /** Tables whose content was hashed, too. */
      hashed: z.number(),
      seconds: z.number(),
    })
    .nullable(),
  /** Why there is none; null: there is one. */
  withoutProofPoint: z.string().nullable(),
});
export type ProofPointTold = z.infer<typeof ProofPointTold>;

export interface AskingForProofPoint {
  /** Undefined: nobody is asked. */
  readonly take: BackupRequest['takeProofPoint'] | undefined;
  /** What the result says, once the backup is taken. */
  told(summary: BackupSummary): ProofPointTold;
  /** What whoever took the backup should know: one was asked for, and there is none. */
  warnings(summary: BackupSummary): readonly string[];
}

type Deps = Pick<BackupDeps, 'takeProofPoint' | 'clock' | 'walArchive' | 'ring'>;
type Means = Pick<ProofPointRequest, 'store' | 'untilStored'>;

export interface Asked extends Means {
  readonly server: Pick<BackupServer, 'verification'>;
}

export function askForProofPoint(
  deps: Deps,
  { server, ...means }: Asked,
  run: Run,
): AskingForProofPoint {
  if (deps.takeProofPoint === undefined) return notAsked('nobody is there to take it');
  if (server.verification?.proof_point_seconds === 0)
    return notAsked('it is switched off, `verification.proof_point_seconds` is 0');
  let last = without('it could not be asked for');
  function told({ proofLsn }: BackupSummary): ProofPointTold {
    if (proofLsn !== undefined || last.proofPoint === null) return last;
    return without('what was taken does not lie behind the end of the backup');
  }
  return {
    take: async ({ summary, signal }) =>
      await run.step('Count and hash what a copy must hold', async () => {
        const beganMs = deps.clock.elapsedMs();
        const taken = await tryToTake(deps, { ...means, summary, run, signal });
        if (taken.outcome === 'none') {
          last = without(taken.why);
          return undefined;
        }
        last = tell(taken.proofPoint, (deps.clock.elapsedMs() - beganMs) / 1000);
        return taken.proofPoint;
      }),
    told,
    warnings(summary) {
      const { withoutProofPoint: why } = told(summary);
      if (why === null) return [];
      return [`It has no proof point, so that only production can tell what it must hold: ${why}`];
    },
  };
}

function notAsked(why: string): AskingForProofPoint {
  return { take: undefined, told: () => without(why), warnings: () => [] };
}

/** Only an abort comes out as a failure. */
async function tryToTake(deps: Deps, request: ProofPointRequest): Promise<TakenProofPoint> {
  const { signal } = request;
  let taken: TakenProofPoint;
  try {
    taken = await take(deps, request);
  } catch (error) {
    signal.throwIfAborted();
    taken = { outcome: 'none', why: error instanceof Error ? error.message : String(error) };
  }
  if (taken.outcome === 'none')
    request.run.log.warn('A backup has no proof point', {
      backupId: request.summary.backupId,
      why: taken.why,
    });
  return taken;
}

async function take(deps: Deps, request: ProofPointRequest): Promise<TakenProofPoint> {
  const { summary, store, untilStored, signal } = request;
  const taken = await deps.takeProofPoint?.(request);
  if (taken?.outcome !== 'taken') return taken ?? { outcome: 'none', why: 'nobody took it' };
  const { untilLsn } = taken.proofPoint;
  const backup = { ...summary, proofLsn: untilLsn };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(STORED_LIMIT_MS)]);
  const arrival = { store: store.store, backup, untilStored, signal: limit };
  if (await waitForOwnLog(deps, arrival)) return taken;
  const { timeline } = summary;
  const why = `the store "${store.name}" lacks WAL of timeline ${timeline} before ${untilLsn}`;
  return { outcome: 'none', why };
}

function tell({ databases }: ProofPoint, seconds: number): ProofPointTold {
  const tables = databases.flatMap((one) => one.tables);
  return {
    proofPoint: {
      tables: tables.length,
      rows: tables.reduce((sum, { rows }) => sum + rows, 0),
      hashed: tables.filter(({ hash }) => hash !== null).length,
      seconds: Math.round(seconds * 1000) / 1000,
    },
    withoutProofPoint: null,
  };
}

function without(why: string): ProofPointTold {
  return { proofPoint: null, withoutProofPoint: why };
}
