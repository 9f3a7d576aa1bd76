/** Which timelines the present one comes from, and which backups lie on that way. Pure. */
import type { WalFork } from '../engines/wal-archive.ts';
import { compareLsn, type Lsn } from '../kernel/lsn.ts';

export interface Ancestor {
  readonly timeline: number;
  /** Where it was left; undefined: it is the newest. */
  readonly leftAt: Lsn | undefined;
}

/** From that timeline back to the oldest that is known. */
export function lineOf(timeline: number, forks: readonly WalFork[]): readonly Ancestor[] {
  const line: Ancestor[] = [{ timeline, leftAt: undefined }];
  for (let child = timeline; ; ) {
    // Numbers only grow, so this ends whatever is stored.
    const fork = forks.find((one) => one.timeline === child && one.parent < child);
    if (fork === undefined) return line;
    line.push({ timeline: fork.parent, leftAt: fork.lsn });
    child = fork.parent;
  }
}

/** What is on a timeline older than any that is known is taken to be on the way. */
export function isOlderThanLine(timeline: number, line: readonly Ancestor[]): boolean {
  return timeline < (line.at(-1)?.timeline ?? timeline);
}

/** Whether replay from there leads along: what had ended behind the point where its timeline was left does not. */
export function isOnLine(
  { timeline, endLsn }: { readonly timeline: number; readonly endLsn: Lsn },
  line: readonly Ancestor[],
): boolean {
  const ancestor = line.find((one) => one.timeline === timeline);
  if (ancestor === undefined) return isOlderThanLine(timeline, line);
  return ancestor.leftAt === undefined || compareLsn(endLsn, ancestor.leftAt) <= 0;
}
