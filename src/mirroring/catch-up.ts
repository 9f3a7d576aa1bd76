/**
 * Brings the other store level by listing both. The order is the protection: the log in its own order,
 * packs before their manifest, tails last. What cannot be copied is told and left, and the rest goes on;
 * only a store that does not answer ends it. Memory does not grow with what is stored.
 */

import { concernsKeyFile } from '../encryption/problems.ts';
import type { BackupSummary } from '../engines/engine.ts';
import { packKey, parseBackupKey } from '../engines/streaming/format.ts';
import { openManifest } from '../engines/streaming/manifest.ts';
import { compareLsn } from '../kernel/lsn.ts';
import { isProblem, Problem } from '../kernel/problem.ts';
import type { ObjectInfo, ObjectKey, ObjectStore } from '../storage/object-store.ts';
import { OBJECT_MISSING, REMOVE_DENIED } from '../storage/problems.ts';
import { type Copying, conflict, copyObject, isSameLog, readBack, walObjectOf } from './copy.ts';
import { joinListings, planBackups, planTails, planWal, type Step } from './plan.ts';
import { MIRROR_CONFLICT, MIRROR_DAMAGED, MIRROR_SOURCE_INCOMPLETE } from './problems.ts';

/** So many segments are copied for one that is read back, and always the last one: a store that changes
 * bytes does it to all, and a single rotten one is found by a proof, which reads a seventh of
 * them each day. */
const READ_BACK_EVERY = 32;

const CLUSTER = /\/\d+-\d+\/$/;

/** Where clusters of a server lie: `shop/15-7341…/`, in either store. */
export async function clusterFolders(
  { route, source }: Pick<Copying, 'route' | 'source'>,
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const folders: string[] = [];
  const prefix = `${route.server}/`;
  let after = prefix;
  for (;;) {
    const first = await firstOf(source.list(prefix, { signal, after }));
    if (first === undefined) return folders;
    // A listing that does not go on would be read for ever.
    if (first.key <= after) throw new Error(`"${route.source.name}" lists ${first.key} again`);
    const folder = /^[^/]+\/[^/]+\//.exec(first.key)?.[0];
    if (folder !== undefined && CLUSTER.test(folder)) folders.push(folder);
    // '0' is the character behind '/': everything below the folder lies before.
    after = folder === undefined ? first.key : `${folder.slice(0, -1)}0`;
  }
}

async function firstOf(listing: AsyncIterable<ObjectInfo>): Promise<ObjectInfo | undefined> {
  for await (const info of listing) return info;
  return undefined;
}

/** Answers the codes of what could not be copied: none means that the target lacks nothing. */
export async function catchUpWal(copying: Copying): Promise<ReadonlySet<string>> {
  const wrong = new Set<string>();
  for (const folder of await clusterFolders(copying, copying)) {
    let segments = 0;
    let newest: ObjectKey | undefined;
    for await (const step of planWal(joined(copying, `${folder}wal/`))) {
      if (!(await copyLog(copying, step, wrong))) continue;
      newest = step.key;
      segments++;
      if (segments % READ_BACK_EVERY === 1) await proveCopy(copying, step.key, wrong);
    }
    if (newest !== undefined) await proveCopy(copying, newest, wrong);
    const tails = planTails(joined(copying, `${folder}tail/`), (tail, where) =>
      isSegmentWhole(copying[where], tail, copying.signal),
    );
    await copyTails(copying, tails, wrong);
  }
  return wrong;
}

async function copyTails(
  copying: Copying,
  steps: AsyncIterable<Step>,
  wrong: Set<string>,
): Promise<void> {
  const lacking = new Set<ObjectKey>();
  for await (const step of steps) {
    if (step.do === 'tidy') await removeTail(copying, step.key);
    else if (step.do === 'supersede') {
      if (!step.by.some((key) => lacking.has(key))) await removeTail(copying, step.key);
    } else if (!(await copyTail(copying, step, wrong))) lacking.add(step.key);
  }
}

function joined(
  { source, target, signal }: Copying,
  prefix: string,
): ReturnType<typeof joinListings> {
  return joinListings(source.list(prefix, { signal }), target.list(prefix, { signal }));
}

async function proveCopy(copying: Copying, key: ObjectKey, wrong: Set<string>): Promise<void> {
  if (!(await readBack(copying, key))) wrong.add(MIRROR_DAMAGED.code);
}

/** True: it was copied just now. */
async function copyLog(copying: Copying, step: Step, wrong: Set<string>): Promise<boolean> {
  copying.signal.throwIfAborted();
  if (step.do === 'copy') {
    const copied = await copyObject(copying, step);
    if (copied !== 'refused') return copied === 'copied';
  }
  if (!(await isSameLog(copying, step.key))) wrong.add(MIRROR_CONFLICT.code);
  return false;
}

/**
 * False: the target does not have it. One that is gone meanwhile has become a part of a joined one, or of a
 * whole segment; either may have come after the listing.
 */
async function copyTail(copying: Copying, step: Step, wrong: Set<string>): Promise<boolean> {
  if (step.do === 'copy') {
    const copied = await copyObject(copying, step);
    if (copied === 'copied') return true;
    if (copied === 'gone') {
      await copySuccessors(copying, step.key, wrong);
      return false;
    }
  }
  const isSame = await isSameLog(copying, step.key);
  if (!isSame) wrong.add(MIRROR_CONFLICT.code);
  return isSame;
}

/** What holds the bytes of a tail that is gone. */
async function copySuccessors(
  copying: Copying,
  tail: ObjectKey,
  wrong: Set<string>,
): Promise<void> {
  const { source, signal } = copying;
  const folder = tail.slice(0, tail.lastIndexOf('/') + 1);
  for (const prefix of [folder, wholePrefix(tail)])
    for await (const { key, sizeBytes } of source.list(prefix, { signal }))
      await copyLog(copying, { do: 'copy', key, sizeBytes }, wrong);
}

async function isSegmentWhole(
  store: ObjectStore,
  tail: string,
  signal: AbortSignal,
): Promise<boolean> {
  return (await firstOf(store.list(wholePrefix(tail), { signal }))) !== undefined;
}

/** `…/tail/00000001/000000010000000000000003/…` → `…/wal/00000001/000000010000000000000003-`. */
function wholePrefix(tail: string): string {
  return tail.replace(/\/tail\/([0-9A-F]{8}\/[0-9A-F]{24})\/[^/]*$/, '/wal/$1-');
}

/** A store that forbids it keeps them: they harm nobody, and a lifecycle rule may end them. */
export async function removeTail(copying: Copying, key: ObjectKey): Promise<void> {
  const { target, deps, signal, removing } = copying;
  if (removing.isDenied) return;
  try {
    await target.remove(key, { signal });
  } catch (error) {
    signal.throwIfAborted();
    if (!isProblem(error)) throw error;
    removing.isDenied = isProblem(error, REMOVE_DENIED);
    deps.log.debug('A tail of a whole segment stays', { key, code: error.kind.code });
  }
}

/** Tails whose bytes are all in one that the target has, whoever joined them and whenever. */
export async function removeCovered(copying: Copying, by: ObjectKey): Promise<void> {
  const { target, signal, removing } = copying;
  const whole = walObjectOf(by)?.wal;
  if (removing.isDenied || whole?.kind !== 'tail') return;
  const folder = by.slice(0, by.lastIndexOf('/') + 1);
  for await (const { key } of target.list(folder, { signal })) {
    const tail = walObjectOf(key)?.wal;
    if (key === by || tail?.kind !== 'tail') continue;
    const isIn = compareLsn(tail.from, whole.from) >= 0 && compareLsn(tail.to, whole.to) <= 0;
    if (isIn) await removeTail(copying, key);
  }
}

/** The tails of a segment that has just been copied whole. */
export async function removeTails(copying: Copying, segment: ObjectKey): Promise<void> {
  const { target, signal, removing } = copying;
  if (removing.isDenied) return;
  const whole = walObjectOf(segment)?.wal;
  if (whole?.kind !== 'segment') return;
  const tails = segment.replace(/\/wal\/([0-9A-F]{8}\/[0-9A-F]{24})-[^/]*$/, '/tail/$1/');
  for await (const { key } of target.list(tails, { signal })) await removeTail(copying, key);
}

export interface BackupsCaughtUp {
  readonly wrong: ReadonlySet<string>;
  /** Manifests that the target has now. */
  readonly held: ReadonlySet<ObjectKey>;
}

/**
 * `prefix`: `shop/15-7341…/base/` or a single backup's. `known` are keys of manifests that were proved in
 * the target before; the others are proved now, and remembered when they are good.
 */
export async function catchUpBackups(
  copying: Copying,
  prefix: string,
  known: ReadonlySet<string>,
): Promise<BackupsCaughtUp> {
  const wrong = new Set<string>();
  const held = new Set<ObjectKey>();
  for await (const step of planBackups(joined(copying, prefix))) {
    copying.signal.throwIfAborted();
    const problem = await performStep(copying, step, known);
    if (problem !== undefined) {
      wrong.add(problem.kind.code);
      await copying.notices.wrong(problem);
    } else if (step.do === 'held' || step.do === 'commit') held.add(step.key);
  }
  return { wrong, held };
}

/** Answers what is wrong with it. */
async function performStep(
  copying: Copying,
  step: Step,
  known: ReadonlySet<string>,
): Promise<Problem | undefined> {
  switch (step.do) {
    case 'copy':
      return (await copyObject(copying, step)) === 'refused'
        ? conflict(copying, step.key)
        : undefined;
    case 'conflict':
      return conflict(copying, step.key);
    case 'commit':
      return await commit(copying, step);
    case 'held':
      return known.has(step.key) ? undefined : await prove(copying, step.key);
    case 'tidy':
    case 'supersede':
      return undefined;
    default:
      throw new TypeError(`Unreachable step: ${JSON.stringify(step satisfies never)}`);
  }
}

/** Puts the manifest when every pack it names is there with its size, then reads all of them back. */
async function commit(
  copying: Copying,
  step: { readonly key: ObjectKey; readonly sizeBytes: number },
): Promise<Problem | undefined> {
  const { route, source, target, deps, signal } = copying;
  const { ring } = deps;
  try {
    const { packs, summary } = await openManifest({ store: source, ring, key: step.key, signal });
    for (const { name, sizeBytes } of packs) {
      const there = await target.stat(packKey(summary, summary.backupId, name), { signal });
      if (there?.sizeBytes !== sizeBytes)
        return incomplete(copying, step.key, `its pack "${name}" is not there as it should be`);
    }
  } catch (error) {
    return unusable(copying, step.key, error);
  }
  const copied = await copyObject(copying, step);
  if (copied === 'gone') return undefined;
  if (copied === 'refused') return conflict({ route }, step.key);
  return await prove(copying, step.key);
}

/** Undefined: it was removed meanwhile. @throws whatever says nothing about this backup. */
function unusable(copying: Copying, key: ObjectKey, error: unknown): Problem | undefined {
  if (!isProblem(error) || error.kind.retry !== 'never' || concernsKeyFile(error)) throw error;
  if (error.kind.code === OBJECT_MISSING.code) return undefined;
  return incomplete(copying, key, error.message);
}

function incomplete({ route }: Copying, key: ObjectKey, why: string): Problem {
  const id = parseBackupKey(key)?.backupId ?? key;
  const message = `Cannot copy backup ${id} of ${route.server} to "${route.target.name}": ${why}`;
  return new Problem(MIRROR_SOURCE_INCOMPLETE, message, { facts: { key } });
}

/** Reads the target's copy back; only one that is good is remembered as being there. */
async function prove(copying: Copying, key: ObjectKey): Promise<Problem | undefined> {
  const { route, target, deps, signal } = copying;
  const access = { store: target, ring: deps.ring, signal };
  let summary: BackupSummary;
  try {
    ({ summary } = await openManifest({ ...access, key }));
  } catch (error) {
    if (!isProblem(error) || error.kind.retry !== 'never' || concernsKeyFile(error)) throw error;
    return damaged(copying, key, error.message);
  }
  const check = { ...access, summary, depth: 'first frame' as const };
  const { damage } = await deps.engine.checkObjects(check);
  const [first] = damage;
  if (first !== undefined) return damaged(copying, key, first);
  const { backupId } = summary;
  const row = { server: route.server, backupId, store: route.target.name, summary: { ...summary } };
  await deps.catalog.backups.record(row);
  deps.log.info('A backup is in the other store', {
    server: route.server,
    store: route.target.name,
    backupId,
  });
  return undefined;
}

function damaged({ route }: Copying, key: ObjectKey, why: string): Problem {
  const id = parseBackupKey(key)?.backupId ?? key;
  const message = `The copy of backup ${id} of ${route.server} in "${route.target.name}" reads back wrong: ${why}`;
  return new Problem(MIRROR_DAMAGED, message, { facts: { key } });
}
