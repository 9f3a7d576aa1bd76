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
import { type Base, type Coverage, judgeCoverage, readBase } from './coverage.ts';
import type { ArchivingOperationDeps, ArchivingServer, OtherStore } from './deps.ts';
import { openHole, openHoles } from './log-hole.ts';
import { LOG_HOLE, OTHER_CLUSTER } from './prepare-slot.ts';

const LOOK_EVERY_MS = 60_000;
const WHOLE_EVERY_MS = 3_600_000;
/** What is being stored, joined or removed while we list may look like a hole. */
const LOOKS_BEFORE_TELLING = 3;
const LOOK_AGAIN_MS = 1000;

export function coverageService(server: ArchivingServer, deps: ArchivingOperationDeps): Service {
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

class CoverageWatcher {
  readonly #server: ArchivingServer;
  readonly #deps: ArchivingOperationDeps;
  readonly #signal: AbortSignal;
  /** From that backup on, everything up to there was seen; never before the backup's own beginning. */
  #seen: { readonly backupId: string; readonly lsn: Lsn } | undefined;
  #wholeMs = Number.NEGATIVE_INFINITY;

  constructor(server: ArchivingServer, deps: ArchivingOperationDeps, signal: AbortSignal) {
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
    const { name } = this.#server;
    const known = await openHoles(name, this.#deps);
    const nowMs = this.#deps.clock.elapsedMs();
    if (known.length > 0 || nowMs - this.#wholeMs >= WHOLE_EVERY_MS) this.#seen = undefined;
    if (this.#seen === undefined) this.#wholeMs = nowMs;
    const coverage = await this.#judge(facts);
    if (coverage.outcome === 'broken') await this.#tell(coverage, facts);
    if (coverage.outcome !== 'unbroken') {
      this.#seen = undefined;
      return;
    }
    const { base, progress } = facts;
    const storedLsn = toLsn(progress.storedLsn);
    // The segment that ends there, or is being filled: what comes next is looked for from its beginning.
    const last = segmentBegin(lsnFromBytes(lsnBytes(storedLsn) - 1n), base.segmentBytes);
    this.#seen = { backupId: base.backupId, lsn: last };
    for (const { code, hole } of known) {
      const isBefore =
        hole.systemId !== base.systemId || compareLsn(base.beginLsn, hole.toLsn) >= 0;
      // A new slot may not have told of anything yet: then the hole lies behind all that is stored.
      if (isBefore || compareLsn(storedLsn, hole.toLsn) > 0)
        await this.#deps.catalog.findings.close(code, name);
    }
  }

  async #judge(facts: Facts): Promise<Coverage> {
    for (let look = 1; ; look++) {
      const inventory = await this.#inventory(this.#first(), facts);
      const coverage = this.#judgeWith(inventory, facts);
      if (coverage.outcome !== 'broken' || look === LOOKS_BEFORE_TELLING) return coverage;
      await this.#deps.clock.sleep(LOOK_AGAIN_MS, { signal: this.#signal });
    }
  }

  #judgeWith(inventory: WalInventory, { base, progress }: Facts): Coverage {
    const beginLsn = this.#seenOf(base) ?? base.beginLsn;
    const { follow } = this.#deps;
    return judgeCoverage({ base: { ...base, beginLsn }, inventory, progress }, follow);
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
    const own = await this.#inventory(this.#first(), facts);
    for (const other of this.#server.otherStores ?? []) {
      try {
        const theirs = await this.#inventory(other, facts);
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
  async #inventory({ store }: OtherStore, { base, progress }: Facts): Promise<WalInventory> {
    const { name, ring } = this.#server;
    const { major, systemId, segmentBytes, timeline } = base;
    const folder = { server: name, major, systemId };
    const range: WalRun = {
      timeline,
      fromLsn: this.#seenOf(base) ?? base.beginLsn,
      toLsn: toLsn(progress.storedLsn),
    };
    return await this.#deps.archive.inventory({
      store,
      ring,
      folder,
      segmentBytes,
      signal: this.#signal,
      ...(progress.timeline === timeline ? { range } : {}),
    });
  }

  #seenOf({ backupId, beginLsn }: Base): Lsn | undefined {
    const seen = this.#seen?.backupId === backupId ? this.#seen.lsn : undefined;
    return seen !== undefined && compareLsn(seen, beginLsn) > 0 ? seen : undefined;
  }
}

/** Of that cluster; one that was found bad is nothing to start from. */
function newestBase(backups: readonly BackupRecord[], systemId: string): Base | undefined {
  const bases = backups.flatMap(({ summary, verdict }) => {
    const base = verdict === 'FAIL' ? undefined : readBase(summary);
    return base?.systemId === systemId ? [base] : [];
  });
  return bases.toSorted((a, b) => compareLsn(a.endLsn, b.endLsn)).at(-1);
}
