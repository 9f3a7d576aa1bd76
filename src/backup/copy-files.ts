/**
 * Has the engine take the copy, in steps that people see one after the other: its files, then what a copy
 * must hold. Until the manifest is put the packs are nobody's: they are claimed, so that a dead run's are
 * swept.
 */
import type { BackupSummary } from '../engines/engine.ts';
import type { Run } from '../gate/operation.ts';
import { backupIdAt, type ServerName } from '../kernel/ids.ts';
import { type BackupDeps, type NamedStore, type ProofPointRequest, requireServer } from './deps.ts';
import { BACKUP_PACKS, packsReference } from './packs-sweeper.ts';
import { type AskingForProofPoint, askForProofPoint, type ProofPointTold } from './proof-point.ts';

const NEXT_SECOND_MS = 100;

export interface Copying {
  readonly server: ServerName;
  readonly store: NamedStore;
  readonly untilStored: ProofPointRequest['untilStored'];
}

export interface Copied {
  readonly summary: BackupSummary;
  readonly told: ProofPointTold;
  readonly warnings: readonly string[];
}

export async function copyFiles(deps: BackupDeps, copying: Copying, run: Run): Promise<Copied> {
  const { server, store, untilStored } = copying;
  const backupId = await freshId(deps, server, run);
  const claim = await run.claim({
    kind: BACKUP_PACKS,
    reference: packsReference({ server, store: store.name, backupId }),
  });
  const asked = { server: requireServer(deps, server).server, store, untilStored };
  const asking = askForProofPoint(deps, asked, run);
  const summary = await takeInSteps(deps, { ...copying, backupId, asking }, run);
  await deps.catalog.backups.record({
    server,
    backupId,
    store: store.name,
    summary: { ...summary },
  });
  await run.release(claim);
  return { summary, told: asking.told(summary), warnings: asking.warnings(summary) };
}

/** A backup is named after its second: where that has one already, the next second is waited for. */
async function freshId(
  { catalog, clock }: BackupDeps,
  server: ServerName,
  { signal }: Run,
): Promise<BackupSummary['backupId']> {
  const known = new Set((await catalog.backups.list(server)).map((row) => row.backupId));
  for (;;) {
    const backupId = backupIdAt(clock.now());
    if (!known.has(backupId)) return backupId;
    await clock.sleep(NEXT_SECOND_MS, { signal });
  }
}

interface Taking extends Copying {
  readonly backupId: BackupSummary['backupId'];
  readonly asking: AskingForProofPoint;
}

/** The engine goes on from the one step to the next by asking for the proof point. */
async function takeInSteps(
  { engine, ring }: BackupDeps,
  { server, store, backupId, asking }: Taking,
  run: Run,
): Promise<BackupSummary> {
  const received = Promise.withResolvers<void>();
  const told = Promise.withResolvers<void>();
  const failed = new AbortController();
  const { take } = asking;
  let taking: Promise<BackupSummary> | undefined;
  try {
    await run.step('Copy its files', async (step) => {
      taking = engine.takeBackup({
        store: store.store,
        ring,
        server,
        backupId,
        log: run.log,
        signal: AbortSignal.any([step.signal, failed.signal]),
        onProgress: (progress) => step.progress(progress),
        ...(take === undefined
          ? {}
          : {
              takeProofPoint: async (options) => {
                received.resolve();
                await told.promise;
                options.signal.throwIfAborted();
                return await take(options);
              },
            }),
      });
      await Promise.race([taking, received.promise]);
    });
    told.resolve();
    if (taking === undefined) throw new TypeError('A step does its work before it ends');
    return await taking;
  } catch (error) {
    // Nothing goes on behind a run that has failed: no manifest is put for it.
    failed.abort(error);
    told.resolve();
    await Promise.allSettled([taking]);
    throw error;
  }
}
