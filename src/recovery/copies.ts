/**
 * One backup, several copies: which of them is read first. A copy that a proof or a restore found bad is
 * set aside where it is, and nowhere else. Pure.
 */
import type { BackupSummary } from '../engines/engine.ts';
import type { BaseChoice } from './choose-base.ts';
import type { NamedStore } from './deps.ts';

export interface Copy {
  readonly store: NamedStore;
  readonly summary: BackupSummary;
  /** Its last proof or restore found damage. */
  readonly isFailed: boolean;
}

/** The copies of each backup, the best first: sound before failed, then in the order of the stores. */
export function chooseCopies(copies: readonly Copy[]): readonly (readonly [Copy, ...Copy[]])[] {
  const groups = new Map<string, [Copy, ...Copy[]]>();
  for (const copy of [...copies.filter(isSound), ...copies.filter((one) => !isSound(one))]) {
    const id = `${copy.summary.systemId} ${copy.summary.backupId}`;
    const group = groups.get(id);
    if (group === undefined) groups.set(id, [copy]);
    else group.push(copy);
  }
  return [...groups.values()];
}

function isSound({ isFailed }: Copy): boolean {
  return !isFailed;
}

/** Backups of which no copy is sound. */
export function failedOnly(copies: readonly Copy[]): ReadonlySet<string> {
  return new Set(
    chooseCopies(copies).flatMap(([best]) => (best.isFailed ? [best.summary.backupId] : [])),
  );
}

/** What whoever reads the plan should know of copies that were passed over. */
export function sayCopies(copies: readonly Copy[], choice: BaseChoice): readonly string[] {
  if (choice.outcome !== 'found') return [];
  const { backupId: chosen } = choice.base;
  return chooseCopies(copies).flatMap(([best, ...others]) => {
    const { backupId } = best.summary;
    if (best.isFailed) return sayFailed(backupId, chosen);
    const failed = others.filter(({ isFailed }) => isFailed).map(({ store }) => store.name);
    if (backupId !== chosen || failed.length === 0) return [];
    return [
      `The copy of backup ${backupId} in ${failed.join(' and in ')} failed its last proof or restore, so the one in ${best.store.name} is used.`,
    ];
  });
}

function sayFailed(backupId: string, chosen: string): readonly string[] {
  if (chosen === backupId)
    return [`Backup ${backupId} failed its last proof or restore, and no other one serves.`];
  if (backupId < chosen) return [];
  return [`Backup ${backupId} failed its last proof or restore, so an earlier one is used.`];
}
