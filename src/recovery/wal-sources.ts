/**
 * The log of one cluster from several stores: a file that one of them lacks, or holds damaged, is taken
 * from another. Only what none of them has is the end of the log, and only what none can give intact is
 * damaged. Whoever restores is told what another store had to make good.
 */
import type { BackupSummary } from '../engines/engine.ts';
import type { WalArchive, WalRun } from '../engines/wal-archive.ts';
import { type Lsn, lsnBytes, lsnFromBytes } from '../kernel/lsn.ts';
import { isProblem, type Problem } from '../kernel/problem.ts';
import { isSegmentName, type SegmentName, segmentPlace } from '../kernel/wal-name.ts';
import type { NamedStore, RecoveryDeps } from './deps.ts';

/** As `WalArchive.read()`. */
export type ReadWal = (
  name: SegmentName | `${string}.history`,
  options: { readonly into?: Buffer; readonly signal: AbortSignal },
) => Promise<Buffer | undefined>;

/** One store could not give a file that another gave. */
export interface MadeGood {
  readonly name: string;
  readonly store: string;
  readonly servedBy: string;
  readonly problem: Problem;
}

export interface WalSources {
  readonly base: BackupSummary;
  /** In the order in which they are asked; at least one. */
  readonly stores: readonly NamedStore[];
  readonly tell: (madeGood: MadeGood) => void;
}

type Means = Pick<RecoveryDeps, 'walArchive' | 'ring'>;
type InventoryRequest = Parameters<WalArchive['inventory']>[0];

export function readFromStores(means: Means, sources: WalSources): ReadWal {
  const { stores, base, tell } = sources;
  const reaches = new Reaches(means, sources);
  const { server, major, systemId, segmentBytes } = base;
  const place = { ring: means.ring, folder: { server, major, systemId }, segmentBytes };

  return async (name, { into, signal }) => {
    const order = stores.length > 1 ? await reaches.order(name, signal) : stores;
    const failures: { readonly store: NamedStore; readonly problem: Problem }[] = [];
    for (const store of order) {
      try {
        const request = { ...place, store: store.store, name, into, signal };
        const content = await means.walArchive.read(request);
        if (content === undefined) continue;
        for (const failed of failures)
          tell({ name, store: failed.store.name, servedBy: store.name, problem: failed.problem });
        return content;
      } catch (error) {
        signal.throwIfAborted();
        if (!isProblem(error)) throw error;
        failures.push({ store, problem: error });
      }
    }
    // A store that is away and was never seen to have it does not end a restore at the end of the log.
    const telling = failures.find(
      ({ store, problem }) => isDamage(problem) || stores.length === 1 || reaches.has(store, name),
    );
    if (telling !== undefined) throw telling.problem;
    return undefined;
  };
}

function isDamage({ kind }: Problem): boolean {
  return kind.retry === 'never';
}

/** What each store was seen to have: a whole segment is preferred to the beginning of one. */
class Reaches {
  readonly #means: Means;
  readonly #sources: WalSources;
  readonly #seen = new Map<NamedStore, readonly WalRun[]>();

  constructor(means: Means, sources: WalSources) {
    this.#means = means;
    this.#sources = sources;
  }

  async order(name: string, signal: AbortSignal): Promise<readonly NamedStore[]> {
    const { stores } = this.#sources;
    if (!isSegmentName(name)) return stores;
    for (const store of stores) if (!this.#seen.has(store)) await this.#look(store, { signal });
    const whole = stores.filter((store) => this.#reach(store, name) === 'whole');
    const others = stores.filter((store) => !whole.includes(store));
    if (whole.length > 0) return [...whole, ...others];
    // The log's end: where it still grows, the store that has most of it is asked first.
    for (const store of stores) await this.#look(store, { signal, name });
    const ends = stores.map((store) => ({ store, end: this.#reach(store, name) }));
    return ends.toSorted((a, b) => compareReach(a.end, b.end)).map(({ store }) => store);
  }

  has(store: NamedStore, name: string): boolean {
    return isSegmentName(name) && this.#reach(store, name) !== undefined;
  }

  async #look(
    store: NamedStore,
    { name, signal }: { readonly name?: SegmentName; readonly signal: AbortSignal },
  ): Promise<void> {
    const { server, major, systemId, segmentBytes } = this.#sources.base;
    const folder = { server, major, systemId };
    const range = name === undefined ? undefined : wholeOf(name, segmentBytes);
    const request: InventoryRequest = {
      store: store.store,
      ring: this.#means.ring,
      folder,
      segmentBytes,
      signal,
      ...(range === undefined ? {} : { range }),
    };
    const before = this.#seen.get(store) ?? [];
    try {
      const { runs } = await this.#means.walArchive.inventory(request);
      this.#seen.set(store, range === undefined ? runs : [...before, ...runs]);
    } catch (error) {
      signal.throwIfAborted();
      if (!isProblem(error)) throw error;
      // It is asked for files all the same, last, and says then what is wrong with it.
      this.#seen.set(store, before);
    }
  }

  /** `whole`, or up to where; undefined: nothing of it was seen there. */
  #reach(store: NamedStore, name: SegmentName): 'whole' | Lsn | undefined {
    const segment = wholeOf(name, this.#sources.base.segmentBytes);
    const [begin, end] = [lsnBytes(segment.fromLsn), lsnBytes(segment.toLsn)];
    const ends = (this.#seen.get(store) ?? [])
      .filter((run) => run.timeline === segment.timeline && lsnBytes(run.fromLsn) <= begin)
      .map((run) => lsnBytes(run.toLsn))
      .filter((to) => to > begin);
    if (ends.length === 0) return undefined;
    const furthest = ends.reduce((a, b) => (a > b ? a : b));
    return furthest >= end ? 'whole' : lsnFromBytes(furthest);
  }
}

function wholeOf(name: SegmentName, segmentBytes: number): WalRun {
  const { timeline, beginLsn } = segmentPlace(name, segmentBytes);
  const toLsn = lsnFromBytes(lsnBytes(beginLsn) + BigInt(segmentBytes));
  return { timeline, fromLsn: beginLsn, toLsn };
}

function compareReach(a: 'whole' | Lsn | undefined, b: 'whole' | Lsn | undefined): number {
  const [x, y] = [reachBytes(a), reachBytes(b)];
  if (x === y) return 0;
  return x > y ? -1 : 1;
}

function reachBytes(reach: 'whole' | Lsn | undefined): bigint {
  if (reach === undefined) return -1n;
  return reach === 'whole' ? 1n << 64n : lsnBytes(reach);
}
