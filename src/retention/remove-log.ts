/**
 * Removes stored log that no stored backup and no moment of the window needs, oldest first, in batches.
 * What goes is what the approved plan lets go *and* what the stores as they are now let go; before each
 * batch the readers are asked for once more.
 */
import { readersOf } from '../catalog/readers.ts';
import type { NamedStore } from './hold-store.ts';
import type { Removal } from './remove-backups.ts';
import { tryRemove, whileRemoving } from './removing.ts';
import { type LogObject, storedLog } from './stored-log.ts';
import { markOf, writeMark } from './thinned-mark.ts';
import { askRule, type WalRule, walRule } from './wal-rule.ts';

/** Held up for so long at most is whoever wants to begin a restore. */
const BATCH = 64;
/** Requests to a store at once. */
const AT_ONCE = 8;
/** Locked ones are skipped, but where so many follow each other the rest is younger and locked, too. */
const LOCKED_MAX = 64;

/** `planned` and `now` speak of the same cluster. */
export interface LogRules {
  readonly planned: WalRule;
  readonly now: WalRule;
}

export async function removeLog(removal: Removal, rules: readonly LogRules[]): Promise<void> {
  const { stores, tally } = removal;
  for (const named of stores) {
    // Others follow the first: a copier must not bring back from there what was removed here.
    const [first] = stores;
    const refused = tally.refused.get(named.name) ?? tally.refused.get(first?.name ?? '');
    if (refused !== undefined) continue;
    for (const rule of rules) await removeFrom(removal, named, rule);
  }
}

async function removeFrom(
  removal: Removal,
  { name, store }: NamedStore,
  { planned, now }: LogRules,
): Promise<void> {
  const { server, signal } = removal;
  const batch: LogObject[] = [];
  let locked = 0;
  let isMarked = false;

  async function flush(): Promise<boolean> {
    const objects = batch.splice(0);
    if (objects.length === 0) return true;
    if (!isMarked && objects.some(({ isOver }) => !isOver)) {
      const mark = markOf([planned, now]);
      await writeMark({ store, ring: removal.deps.ring, server, rule: planned, mark, signal });
      isMarked = true;
    }
    const done = await removeBatch(removal, { name, store, rule: now, objects });
    locked = done.removed > 0 ? 0 : locked + done.locked;
    return done.goOn && locked < LOCKED_MAX;
  }

  for await (const object of storedLog(store, { server, rules: [planned, now] }, { signal })) {
    if (object.isKept) continue;
    batch.push(object);
    if (batch.length >= BATCH && !(await flush())) return;
  }
  await flush();
}

interface Batch extends NamedStore {
  readonly rule: WalRule;
  readonly objects: readonly LogObject[];
}

async function removeBatch(
  removal: Removal,
  { name, store, rule, objects }: Batch,
): Promise<{ readonly goOn: boolean; readonly removed: number; readonly locked: number }> {
  const { deps, server, tally } = removal;
  const counted = { goOn: true, removed: 0, locked: 0 };
  return await whileRemoving(removal, async (signal) => {
    const readers = await readersOf(deps.catalog.runs, server);
    const needed = askRule(readersRule(rule, readers));
    const free = objects.filter(({ isOver, piece }) => isOver || !needed.keeps(piece));
    for (let at = 0; at < free.length && counted.goOn; at += AT_ONCE)
      await Promise.all(
        free.slice(at, at + AT_ONCE).map(async ({ key, sizeBytes }) => {
          const refusal = await tryRemove(async () => store.remove(key, { signal }), {
            stopped: removal.signal,
            signal,
          });
          if (refusal === undefined) {
            counted.removed += 1;
            tally.removedObjects += 1;
            tally.freedBytes += sizeBytes;
          } else if (refusal.kind === 'locked') {
            counted.locked += 1;
            tally.lockedObjects += 1;
          } else {
            counted.goOn = false;
            tally.refused.set(name, refusal.problem);
          }
        }),
      );
    return counted;
  });
}

/** What those who read now are going to replay. */
function readersRule(
  { major, systemId, segmentBytes }: WalRule,
  readers: Awaited<ReturnType<typeof readersOf>>,
): WalRule {
  return walRule({
    major,
    systemId,
    segmentBytes,
    stored: [],
    windowBase: undefined,
    readers: readers.filter((reader) => reader.systemId === systemId),
    ranges: [],
    all: null,
  });
}
