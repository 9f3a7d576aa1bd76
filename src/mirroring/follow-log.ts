/**
 * Keeps the log in the other store level: a whole catch-up, then whatever the receiver tells, as it
 * comes. Resolves when another catch-up is due: something told was lost, somebody else archives, or an
 * hour has passed.
 */
import type { WalProgressRecord } from '../catalog/records.ts';
import type { WalObjectStored } from '../engines/wal-archive.ts';
import { catchUpWal, removeCovered, removeTail, removeTails } from './catch-up.ts';
import { type Copying, copyObject, isSameLog, readBack, walObjectOf } from './copy.ts';
import type { FeedItem, Subscription } from './feed.ts';
import { MirrorPosition } from './position.ts';

/** Whole catch-ups are for what nobody told: that is rare, and each lists everything. */
export const CATCH_UP_EVERY_MS = 3_600_000;
/** How often the first store's row is looked at while nothing is told. */
const LOOK_MS = 1000;
/** The first store is ahead for so long, and nobody has told us: another process archives. */
const UNTOLD_MS = 30_000;
/** While following, the newest segment is read back so often: each costs its download. */
const READ_BACK_EVERY_MS = 60_000;

/** @throws Problem when a store does not answer; then nothing is lost, and a catch-up makes it good. */
export async function followLog(copying: Copying, subscription: Subscription): Promise<void> {
  const follower = new LogFollower(copying);
  const failures = copying.notices.failuresEver;
  await follower.catchUp();
  while (!copying.signal.aborted) {
    await subscription.wait(LOOK_MS, copying.deps.clock, copying.signal);
    const { items, overflowed } = subscription.take();
    if (overflowed || copying.signal.aborted) return;
    await follower.copyAll(items);
    if (copying.notices.hasRecovered(failures)) return;
    if (await follower.isCatchUpDue(items.length > 0)) return;
  }
}

/** Once, and remembers how far it came. */
export async function catchUpLogOnce(copying: Copying): Promise<void> {
  await new LogFollower(copying).catchUp();
}

class LogFollower {
  readonly #copying: Copying;
  readonly #position = new MirrorPosition();
  #recorded: WalProgressRecord | undefined;
  #caughtUpMs = 0;
  #behindSinceMs: number | undefined;
  #readBackMs = Number.NEGATIVE_INFINITY;
  #isWhole = true;
  /** The folder of tails in which nothing is left that was joined. */
  #tidied = '';

  constructor(copying: Copying) {
    this.#copying = copying;
  }

  async catchUp(): Promise<void> {
    const { deps, notices } = this.#copying;
    // Before the listing: what is stored later is told, or is in the next catch-up.
    const before = await this.#firstRow();
    const wrong = await catchUpWal(this.#copying);
    this.#isWhole = wrong.size === 0;
    if (this.#isWhole) this.#position.begin(before);
    await this.#record();
    await notices.passed('log', wrong);
    this.#caughtUpMs = deps.clock.elapsedMs();
  }

  async copyAll(items: readonly FeedItem[]): Promise<void> {
    const objects: WalObjectStored[] = [];
    for (const item of items) if (item.what === 'object') objects.push(item);
    // In the order of the log, for the same reason as in the first store: `engines/streaming/wal-turns.ts`.
    for (const object of withoutCovered(objects)) await this.#copy(object);
    for (const item of items) if (item.what === 'progress') this.#position.told(item);
    if (items.length > 0) await this.#record();
  }

  async isCatchUpDue(wasTold: boolean): Promise<boolean> {
    const nowMs = this.#copying.deps.clock.elapsedMs();
    if (nowMs - this.#caughtUpMs >= CATCH_UP_EVERY_MS) return true;
    // With something that stays wrong it would never be level: then the hour decides.
    if (wasTold || !this.#isWhole) return false;
    const row = await this.#firstRow();
    if (row === undefined || this.#position.reaches(row)) {
      this.#behindSinceMs = undefined;
      return false;
    }
    this.#behindSinceMs ??= nowMs;
    return nowMs - this.#behindSinceMs >= UNTOLD_MS;
  }

  async #copy(object: WalObjectStored): Promise<void> {
    const { source, signal } = this.#copying;
    const { key, kind } = object;
    const info = await source.stat(key, { signal });
    const copied = info === undefined ? 'gone' : await copyObject(this.#copying, info);
    // A tail is gone when its segment is whole, and that is told after it.
    if (copied === 'gone') return;
    if (copied === 'refused' && !(await isSameLog(this.#copying, key))) {
      this.#isWhole = false;
      return;
    }
    if (copied === 'copied' && this.#isReadBackDue(kind)) await readBack(this.#copying, key);
    this.#position.copied(object);
    if (kind === 'segment') await removeTails(this.#copying, key);
    await this.#removeJoined(object);
  }

  /** What was joined while nobody told us is looked for once a segment. */
  async #removeJoined({ key, supersedes = [] }: WalObjectStored): Promise<void> {
    if (supersedes.length === 0) return;
    const folder = key.slice(0, key.lastIndexOf('/') + 1);
    if (folder === this.#tidied)
      for (const tail of supersedes) await removeTail(this.#copying, tail);
    else await removeCovered(this.#copying, key);
    this.#tidied = folder;
  }

  #isReadBackDue(kind: WalObjectStored['kind']): boolean {
    if (kind === 'tail') return false;
    if (kind === 'history') return true;
    const nowMs = this.#copying.deps.clock.elapsedMs();
    if (nowMs - this.#readBackMs < READ_BACK_EVERY_MS) return false;
    this.#readBackMs = nowMs;
    return true;
  }

  async #firstRow(): Promise<WalProgressRecord | undefined> {
    const { route, deps } = this.#copying;
    return await deps.catalog.walProgress.find(route.server, route.source.name);
  }

  async #record(): Promise<void> {
    const { route, deps } = this.#copying;
    const row = this.#position.row(route.server, route.target.name);
    if (row === undefined) return;
    const before = this.#recorded;
    if (before?.storedLsn === row.storedLsn && before.at === row.at) return;
    await deps.catalog.walProgress.record(row);
    this.#recorded = row;
  }
}

/** Without tails whose whole segment was told after them: they are about to be removed. Pure. */
function withoutCovered(objects: readonly WalObjectStored[]): readonly WalObjectStored[] {
  const whole = new Set(
    objects.flatMap(({ key }) => {
      const wal = walObjectOf(key)?.wal;
      return wal?.kind === 'segment' ? [wal.name] : [];
    }),
  );
  return objects.filter(({ key }) => {
    const wal = walObjectOf(key)?.wal;
    return wal?.kind !== 'tail' || !whole.has(wal.segment);
  });
}
