/**
 * The service that compares what is stored of a server's log with what should be: from the newest sound
 * backup that leads to the present, every minute as far as the log has grown, and everything that somebody
 * may still ask for each hour. A hole is told at once. It calls people no longer once every later moment can
 * be reached, and is forgotten when nobody can ask for what lies behind it. The server itself is not asked.
 */
import type { WalProgressRecord } from '../catalog/records.ts';
import { joinInventories } from '../engines/joined-wal.ts';
import type { WalFork, WalInventory, WalRun } from '../engines/wal-archive.ts';
import { compareLsn, type Lsn, lsnBytes, lsnFromBytes, toLsn } from '../kernel/lsn.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Service } from '../kernel/service.ts';
import { segmentBegin } from '../kernel/wal-name.ts';
import { type Base, type Coverage, judgeCoverage, type LogHole, soundBases } from './coverage.ts';
import type { ArchivingOperationDeps, ArchivingServer, OtherStore } from './deps.ts';
import { isOnLine, lineOf } from './lineage.ts';
import { type OpenHole, openHole, openHoles, settleOlder } from './log-hole.ts';
import { LOOK_AGAIN_MS, LOOKS_BEFORE_TELLING, lookBack } from './look-back.ts';
import type { OlderHole } from './older-holes.ts';
import { LOG_HOLE, OTHER_CLUSTER } from './prepare-slot.ts';

const LOOK_EVERY_MS = 60_000;
const WHOLE_EVERY_MS = 3_600_000;

type Catalog = ArchivingOperationDeps['catalog'];

interface WatchDeps extends Pick<ArchivingOperationDeps, 'archive' | 'follow' | 'clock' | 'log'> {
  readonly catalog: Pick<Catalog, 'findings'> & {
    readonly walProgress: Pick<Catalog['walProgress'], 'find'>;
    readonly backups: Pick<Catalog['backups'], 'list'>;
  };
}

export function coverageService(server: ArchivingServer, deps: WatchDeps): Service {
  return {
    name: `coverage:${server.name}`,
    lease: `coverage:${server.name}`,
    async run({ signal, ready }) {
      const watcher = new CoverageWatcher(server, deps, signal);
      while (!signal.aborted) {
        await watcher.look();
        ready();
        await deps.clock.sleep(LOOK_EVERY_MS, { signal }).catch(() => undefined);
      }
    },
  };
}

interface Facts {
  /** By the time they ended. */
  readonly bases: readonly Base[];
  /** From which the present is reached. */
  readonly base: Base;
  /** There is none: the newest stands in its place. */
  readonly isAstray: boolean;
  readonly progress: WalProgressRecord;
}

interface Seen {
  readonly backupId: string;
  readonly timeline: number;
  readonly lsn: Lsn;
}

class CoverageWatcher {
  readonly #server: ArchivingServer;
  readonly #deps: WatchDeps;
  readonly #signal: AbortSignal;
  /** From that backup on, everything up to there was seen. */
  #seen: Seen | undefined;
  /** What was broken when we last looked. */
  #broken: LogHole | undefined;
  /** As of the last look at everything. */
  #older: readonly OlderHole[] = [];
  /** Where that timeline comes from does not change. */
  #line: { readonly timeline: number; readonly forks: readonly WalFork[] | undefined } | undefined;
  #last: { readonly wholeMs: number; readonly backups: string; readonly told: string } | undefined;

  constructor(server: ArchivingServer, deps: WatchDeps, signal: AbortSignal) {
    this.#server = server;
    this.#deps = deps;
    this.#signal = signal;
  }

  /** A store that does not answer is told of elsewhere. */
  async look(): Promise<void> {
    try {
      const facts = await this.#facts();
      if (facts !== undefined) await this.#lookAt(facts);
    } catch (error) {
      if (this.#signal.aborted) return;
      if (!isProblem(error)) throw error;
      const { code } = error.kind;
      this.#deps.log.warn('Could not look for holes in the log', { code, reason: error.message });
    }
  }

  /** Undefined: there is no backup to start from, or no log yet. */
  async #facts(): Promise<Facts | undefined> {
    const { name, storeName } = this.#server;
    const { catalog } = this.#deps;
    const progress = await catalog.walProgress.find(name, storeName);
    if (progress === undefined) return undefined;
    const bases = soundBases(await catalog.backups.list(name), progress.systemId);
    const newest = bases.at(-1);
    if (newest === undefined) return undefined;
    await catalog.findings.close(OTHER_CLUSTER, name);
    // One on a newer timeline shows that nothing was told of that yet.
    if (newest.timeline >= progress.timeline)
      return { bases, base: newest, isAstray: false, progress };
    // After a recovery to an earlier moment the newest may lie behind the point to which was returned.
    const line = lineOf(progress.timeline, (await this.#forks(progress, newest)) ?? []);
    const base = bases.findLast((one) => isOnLine(one, line));
    return { bases, base: base ?? newest, isAstray: base === undefined, progress };
  }

  async #forks(
    { timeline }: WalProgressRecord,
    base: Base,
  ): Promise<readonly WalFork[] | undefined> {
    if (this.#line?.timeline === timeline) return this.#line.forks;
    const { forks } = await this.#inventory(this.#server.store, base);
    // A history that is not stored yet may come.
    const isKnown = forks === undefined || forks.some((fork) => fork.timeline === timeline);
    if (isKnown) this.#line = { timeline, forks };
    return forks;
  }

  async #lookAt(facts: Facts): Promise<void> {
    const { base, progress } = facts;
    const known = await openHoles(this.#server.name, this.#deps);
    if (this.#isWholeDue(facts, known)) {
      this.#seen = undefined;
      this.#older = await this.#lookBack(facts);
    } else if (this.#broken !== undefined) {
      if (await this.#isStillBroken(this.#broken, facts)) return;
      this.#seen = undefined;
    }
    // Positions on another timeline cannot be compared with those that were seen.
    if (this.#seen?.timeline !== progress.timeline) this.#seen = undefined;
    this.#broken = undefined;
    const coverage = await this.#judge(facts);
    if (coverage.outcome === 'broken') {
      await this.#tell(coverage, facts);
      this.#broken = coverage.hole;
    }
    if (coverage.outcome === 'unbroken') {
      const { timeline } = progress;
      const storedLsn = toLsn(progress.storedLsn);
      // The segment that ends there, or is being filled: what comes next is looked for from its beginning.
      const last = segmentBegin(lsnFromBytes(lsnBytes(storedLsn) - 1n), base.segmentBytes);
      this.#seen = { backupId: base.backupId, timeline, lsn: last };
      await this.#closeReachable(known, facts);
    } else this.#seen = undefined;
    await settleOlder(this.#server.name, this.#older, this.#deps);
  }

  async #lookBack({ bases, base }: Facts): Promise<readonly OlderHole[]> {
    return await lookBack({
      server: this.#server,
      bases,
      present: base,
      inventoryOf: (store, of) => this.#inventory(store, of),
      deps: this.#deps,
      signal: this.#signal,
    });
  }

  /** Each hour, when backups come or go, and when somebody told of a hole that we may have passed already. */
  #isWholeDue({ base, bases }: Facts, known: readonly OpenHole[]): boolean {
    const nowMs = this.#deps.clock.elapsedMs();
    const told = JSON.stringify(known);
    const backups = [base, ...bases].map(({ backupId }) => backupId).join(' ');
    const last = this.#last;
    const isDue =
      last === undefined ||
      nowMs - last.wholeMs >= WHOLE_EVERY_MS ||
      last.backups !== backups ||
      (known.length > 0 && last.told !== told);
    this.#last = { wholeMs: isDue ? nowMs : last.wholeMs, backups, told };
    return isDue;
  }

  /** Cheap however much log is stored. */
  async #isStillBroken(hole: LogHole, facts: Facts): Promise<boolean> {
    const { systemId, timeline, fromLsn, toLsn: end } = hole;
    if (systemId !== facts.base.systemId || timeline !== facts.progress.timeline) return false;
    const range: WalRun = { timeline, fromLsn, toLsn: end };
    const { runs } = await this.#inventory(this.#server.store, facts.base, range);
    return !runs.some(
      (run) =>
        run.timeline === timeline &&
        compareLsn(run.fromLsn, fromLsn) <= 0 &&
        compareLsn(run.toLsn, end) >= 0,
    );
  }

  async #closeReachable(known: readonly OpenHole[], { base, progress }: Facts): Promise<void> {
    for (const { code, hole } of known) {
      // A new slot may not have told of anything yet: then the hole lies behind all that is stored.
      if (isBefore(hole, base) || compareLsn(toLsn(progress.storedLsn), hole.toLsn) > 0)
        await this.#deps.catalog.findings.close(code, this.#server.name);
    }
  }

  async #judge(facts: Facts): Promise<Coverage> {
    for (let look = 1; ; look++) {
      const inventory = await this.#inventory(this.#server.store, facts.base, this.#range(facts));
      const coverage = this.#judgeWith(inventory, facts);
      if (coverage.outcome !== 'broken' || look === LOOKS_BEFORE_TELLING) return coverage;
      await this.#deps.clock.sleep(LOOK_AGAIN_MS, { signal: this.#signal });
    }
  }

  #judgeWith(inventory: WalInventory, { base, progress }: Facts): Coverage {
    const { follow } = this.#deps;
    return judgeCoverage({ base: { ...base, ...this.#begin(base) }, inventory, progress }, follow);
  }

  async #tell({ hole }: Extract<Coverage, { outcome: 'broken' }>, facts: Facts): Promise<void> {
    const { name: server, storeName, otherStores = [] } = this.#server;
    const helper = await this.#whoHasIt(facts);
    const others = otherStores.length === 0 ? '' : ', nor in another store';
    const within = facts.isAstray
      ? `is behind a point to which no backup leads: no moment after ${hole.fromLsn} can be reached`
      : `is not in "${storeName}"${others}: no moment after ${hole.fromLsn} can be reached`;
    const why =
      helper === undefined
        ? within
        : `is not in "${storeName}": moments after ${hole.fromLsn} can be reached only with "${helper}"`;
    const severity = helper === undefined ? 'page' : 'warn';
    const told = { server, code: LOG_HOLE, hole, why, severity, older: this.#older } as const;
    await openHole(told, this.#deps);
    this.#deps.log.warn('The stored log has a hole', { server, ...hole });
  }

  /** The name of a store that fills the hole. */
  async #whoHasIt(facts: Facts): Promise<string | undefined> {
    const range = this.#range(facts);
    const own = await this.#inventory(this.#server.store, facts.base, range);
    for (const other of this.#server.otherStores ?? []) {
      try {
        const theirs = await this.#inventory(other.store, facts.base, range);
        const together = joinInventories([own, theirs], facts.base.segmentBytes);
        if (this.#judgeWith(together, facts).outcome === 'unbroken') return other.name;
      } catch (error) {
        this.#signal.throwIfAborted();
        if (!isProblem(error)) throw error;
      }
    }
    return undefined;
  }

  /** Over timelines only the whole tells which follows on which. */
  #range({ base, progress }: Facts): WalRun | undefined {
    const { timeline, beginLsn } = this.#begin(base);
    if (progress.timeline !== timeline) return undefined;
    return { timeline, fromLsn: beginLsn, toLsn: toLsn(progress.storedLsn) };
  }

  /** Of everything, where no range is asked for. */
  async #inventory(
    store: OtherStore['store'],
    { major, systemId, segmentBytes }: Base,
    range?: WalRun,
  ): Promise<WalInventory> {
    const { name, ring } = this.#server;
    return await this.#deps.archive.inventory({
      store,
      ring,
      folder: { server: name, major, systemId },
      segmentBytes,
      signal: this.#signal,
      ...(range === undefined ? {} : { range }),
    });
  }

  /** Where the judging begins: what was seen on a newer timeline stands for a base there. */
  #begin({ backupId, timeline, beginLsn }: Base): Pick<Base, 'timeline' | 'beginLsn'> {
    const seen = this.#seen?.backupId === backupId ? this.#seen : undefined;
    const isFurther =
      seen !== undefined &&
      (seen.timeline > timeline ||
        (seen.timeline === timeline && compareLsn(seen.lsn, beginLsn) > 0));
    return isFurther ? { timeline: seen.timeline, beginLsn: seen.lsn } : { timeline, beginLsn };
  }
}

/** Whoever starts from that base does not need what is missing. */
function isBefore(hole: LogHole, base: Base): boolean {
  if (hole.systemId !== base.systemId) return true;
  if (hole.timeline !== base.timeline) return hole.timeline < base.timeline;
  return compareLsn(base.beginLsn, hole.toLsn) >= 0;
}
