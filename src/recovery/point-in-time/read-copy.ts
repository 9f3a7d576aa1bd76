/**
 * Reads a backup's files into their place, from the best copy. One that turns out damaged, or whose store
 * goes away, is given up, the place is emptied, and the next copy is read from its beginning: once for
 * each store, and never two copies in one place.
 */
import { makeScratchFolders } from '../../clusters/folders.ts';
import type { ScratchPlace } from '../../clusters/place.ts';
import { destroyScratch } from '../../clusters/teardown.ts';
import { KEY_NOT_FOUND } from '../../encryption/problems.ts';
import type { BackupSummary } from '../../engines/engine.ts';
import type { Run, Step } from '../../gate/operation.ts';
import { isProblem, type Problem } from '../../kernel/problem.ts';
import type { NamedStore, RecoveryDeps } from '../deps.ts';
import type { RestoreNotes } from './restore-notes.ts';
import { isDamage, setAside } from './set-aside.ts';

export interface ReadCopy {
  readonly base: BackupSummary;
  /** That hold it, the best first. */
  readonly stores: readonly [NamedStore, ...NamedStore[]];
  readonly place: ScratchPlace;
  /** What was read is still there after a power cut. */
  readonly durable: boolean;
  readonly notes: RestoreNotes;
  readonly step: Step;
}

/** @throws Problem what the engine threw of the last copy. */
export async function readCopy(deps: RecoveryDeps, request: ReadCopy, run: Run): Promise<void> {
  const { base, stores, place, durable, notes, step } = request;
  const [store, next, ...others] = stores;
  try {
    await deps.engine.restoreFiles({
      store: store.store,
      ring: deps.ring,
      summary: base,
      directory: place.dataDirectory,
      durable,
      signal: step.signal,
      onProgress: (progress) => step.progress(progress),
    });
    step.signal.throwIfAborted();
  } catch (error) {
    const told = await setAside(deps, { base, storeName: store.name }, { error, runId: run.id });
    if (step.signal.aborted || next === undefined || !isOfStore(error)) throw told;
    const what = `Backup ${base.backupId}`;
    notes.note({ what, store: store.name, servedBy: next.name, problem: error });
    await destroyScratch(place);
    await makeScratchFolders(place, deps.scratch.user);
    await readCopy(deps, { ...request, stores: [next, ...others] }, run);
  }
}

/** Another store may do better; for a full disk here it would not. */
function isOfStore(error: unknown): error is Problem {
  if (!isProblem(error)) return false;
  const { code } = error.kind;
  return code === KEY_NOT_FOUND.code || code.startsWith('STORAGE_') || isDamage(error);
}
