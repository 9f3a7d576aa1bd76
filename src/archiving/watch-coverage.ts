/**
 * The service that compares what is stored of a server's log with what should be: from the newest sound
 * backup on, every minute as far as it has grown, and the whole of it each hour. A hole is told at once,
 * and no longer once every later moment can be reached. The server itself is not asked.
 */
import type { BackupRecord, WalProgressRecord } from '../catalog/records.ts';
import { joinInventories } from '../engines/joined-wal.ts';
import type { WalInventory, WalRun } from '../engines/wal-archive.ts';
import { compareLsn, type Lsn, lsnBytes, lsnFromBytes, toLsn } from '../kernel/lsn.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Service } from '../kernel/service.ts';
import { segmentBegin } from '../kernel/wal-name.ts';
import { type Base, type Coverage, judgeCoverage, type LogHole, readBase } from './coverage.ts';
import type { ArchivingOperationDeps, ArchivingServer, OtherStore } from './deps.ts';
import { type OpenHole, openHole, openHoles } from './log-hole.ts';
import { LOG_HOLE, OTHER_CLUSTER } from './prepare-slot.ts';

const LOOK_EVERY_MS = 60_000;
const WHOLE_EVERY_MS = 3_600_000;
/** What is being stored, joined or removed while we list may look like a hole. */
const LOOKS_BEFORE_TELLING = 3;
const LOOK_AGAIN_MS = 1000;

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
  readonly base: Base;
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
  #last: { readonly wholeMs: number; readonly backupId: string; readonly told: string } | undefined;

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
    const base = newestBase(await catalog.backups.list(name), progress.systemId);
    if (base === undefined) return undefined;
    await catalog.findings.close(OTHER_CLUSTER, name);
    return { base, progress };
  }

  async #lookAt(facts: Facts): Promise<void> {
    const { base, progress } = facts;
    const known = await openHoles(this.#server.name, this.#deps);
    if (this.#isWholeDue(base, known)) {
      this.#seen = undefined;
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
    if (coverage.outcome !== 'unbroken') {
      this.#seen = undefined;
      return;
    }
    const { timeline } = progress;
    const storedLsn = toLsn(progress.storedLsn);
    // The segment that ends there, or is being filled: what comes next is looked for from its beginning.
    const last = segmentBegin(lsnFromBytes(lsnBytes(storedLsn) - 1n), base.segmentBytes);
    this.#seen = { backupId: base.backupId, timeline, lsn: last };
    await this.#closeReachable(known, facts);
  }

  /** Each hour, from a newer base on, and when somebody told of a hole that we may have passed already. */
  #isWholeDue({ backupId }: Base, known: readonly OpenHole[]): boolean {
    const nowMs = this.#deps.clock.elapsedMs();
    const told = JSON.stringify(known);
    const last = this.#last;
    const isDue =
      last === undefined ||
      nowMs - last.wholeMs >= WHOLE_EVERY_MS ||
      last.backupId !== backupId ||
      (known.length > 0 && last.told !== told);
    this.#last = { wholeMs: isDue ? nowMs : last.wholeMs, backupId, told };
    return isDue;
  }

  /** Cheap however much log is stored. */
  async #isStillBroken(hole: LogHole, facts: Facts): Promise<boolean> {
    const { systemId, timeline, fromLsn, toLsn: end } = hole;
    if (systemId !== facts.base.systemId || timeline !== facts.progress.timeline) return false;
    const range: WalRun = { timeline, fromLsn, toLsn: end };
    const { runs } = await this.#inventory(this.#first(), facts, range);
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
      const inventory = await this.#inventory(this.#first(), facts, this.#range(facts));
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
    const why =
      helper === undefined
        ? `is not in "${storeName}"${others}: no moment after ${hole.fromLsn} can be reached`
        : `is not in "${storeName}": moments after ${hole.fromLsn} can be reached only with "${helper}"`;
    const severity = helper === undefined ? 'page' : 'warn';
    await openHole({ server, code: LOG_HOLE, hole, why, severity }, this.#deps);
    this.#deps.log.warn('The stored log has a hole', { server, ...hole });
  }

  /** The name of a store that fills the hole. */
  async #whoHasIt(facts: Facts): Promise<string | undefined> {
    const range = this.#range(facts);
    const own = await this.#inventory(this.#first(), facts, range);
    for (const other of this.#server.otherStores ?? []) {
      try {
        const theirs = await this.#inventory(other, facts, range);
        const together = joinInventories([own, theirs], facts.base.segmentBytes);
        if (this.#judgeWith(together, facts).outcome === 'unbroken') return other.name;
      } catch (error) {
        this.#signal.throwIfAborted();
        if (!isProblem(error)) throw error;
      }
    }
    return undefined;
  }

  #first(): OtherStore {
    return { name: this.#server.storeName, store: this.#server.store };
  }

  /** Over timelines only the whole tells which follows on which. */
  #range({ base, progress }: Facts): WalRun | undefined {
    const { timeline, beginLsn } = this.#begin(base);
    if (progress.timeline !== timeline) return undefined;
    return { timeline, fromLsn: beginLsn, toLsn: toLsn(progress.storedLsn) };
  }

  async #inventory(
    { store }: OtherStore,
    { base }: Facts,
    range: WalRun | undefined,
  ): Promise<WalInventory> {
    const { name, ring } = this.#server;
    const { major, systemId, segmentBytes } = base;
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

/**
 * Of that cluster; one that was found bad is nothing to start from. By time: after a recovery to an
 * earlier moment, positions are lower than before.
 */
function newestBase(backups: readonly BackupRecord[], systemId: string): Base | undefined {
  const bases = backups.flatMap(({ summary, verdict }) => {
    const base = verdict === 'FAIL' ? undefined : readBase(summary);
    return base?.systemId === systemId ? [base] : [];
  });
  return bases.toSorted((a, b) => (a.endedAt < b.endedAt ? -1 : 1)).at(-1);
}
