/** What was measured of a server's log, as a program reads it. Pure. */
import type { BackupRecord } from '../catalog/records.ts';
import { joinInventories } from '../engines/joined-wal.ts';
import type { WalInventory } from '../engines/wal-archive.ts';
import { lsnBytes, lsnFromBytes } from '../kernel/lsn.ts';
import type { Problem } from '../kernel/problem.ts';
import { type SegmentName, segmentNameAt } from '../kernel/wal-name.ts';
import type { SlotState } from '../postgres/slots.ts';
import { type Base, basesOf, type FollowWal, type HoleRange, holeRanges } from './coverage.ts';
import type { ArchivingServer } from './deps.ts';
import { LEFT_OUT_AFTER_MS } from './flush-limit.ts';
import { isOnLine, lineOf } from './lineage.ts';
import type { StoreMeasure, WalMeasure } from './measure.ts';
import type { StoreReport, WalReport } from './wal-report.ts';

/** More copies of one hole's segments are not named. */
const COPIES_MAX = 100;

export interface WalFacts {
  readonly server: Pick<ArchivingServer, 'name' | 'storeName'>;
  readonly measure: WalMeasure;
  readonly backups: readonly BackupRecord[];
  readonly follow: FollowWal;
}

export function reportWal(facts: WalFacts): WalReport {
  const { server, measure } = facts;
  const { folder, first, slot } = measure;
  const stores = measure.stores.map((one) => storeReport(one, measure));
  const [own] = stores;
  return {
    server: server.name,
    store: server.storeName,
    systemId: orNull(folder?.systemId),
    coverage: own?.coverage ?? [],
    bases: baseReports(facts),
    missing: own?.missing ?? [],
    holes: own?.holes ?? [],
    segments: orNull(first.inventory?.segments),
    storedBytes: orNull(first.inventory?.storedBytes),
    storedLsn: orNull(first.storedLsn),
    serverLsn: orNull(measure.serverLsn),
    lagBytes: orNull(first.lagBytes),
    lagSeconds: orNull(first.lagSeconds),
    rpoSeconds: worstOf(stores, ({ rpoSeconds }) => rpoSeconds),
    ageSeconds: worstOf(stores, ({ ageSeconds }) => ageSeconds),
    walPerSecondBytes: measure.walRate === undefined ? null : Math.round(measure.walRate),
    stores,
    slot: slot === undefined ? null : slotReport(slot, measure.walRate),
    unreachable: problemReport(measure.unreachable),
  };
}

function storeReport(one: StoreMeasure, measure: WalMeasure): StoreReport {
  const [first] = measure.stores;
  const behind = (one.lagSeconds ?? Number.POSITIVE_INFINITY) - (first?.lagSeconds ?? 0);
  return {
    store: one.store,
    counts: one === first || behind < LEFT_OUT_AFTER_MS / 1000,
    coverage: one.inventory === undefined ? [] : coverageOf(one.inventory),
    missing: [...(one.inventory?.missing ?? [])],
    holes: one.inventory === undefined ? [] : holesOf(one.inventory, measure),
    conflicts: [...(one.inventory?.conflicts ?? [])],
    storedLsn: orNull(one.storedLsn),
    lagBytes: orNull(one.lagBytes),
    rpoSeconds: orNull(one.lagSeconds),
    ageSeconds: orNull(one.ageSeconds),
    unreachable: problemReport(one.unreachable),
  };
}

/** Null: of a store that counts nothing is known. */
function worstOf(
  stores: readonly StoreReport[],
  secondsOf: (store: StoreReport) => number | null,
): number | null {
  const counting = stores.filter(({ counts }) => counts).map(secondsOf);
  if (counting.includes(null)) return null;
  return Math.max(0, ...counting.map((seconds) => seconds ?? 0));
}

function holesOf(inventory: WalInventory, measure: WalMeasure): StoreReport['holes'] {
  const { segmentBytes } = measure;
  return holeRanges(inventory.missing, segmentBytes).map((hole) => {
    const { fromLsn, toLsn, ...range } = hole;
    const before = lsnFromBytes(lsnBytes(fromLsn) - 1n);
    return {
      ...range,
      from: fromLsn,
      to: toLsn,
      after: contentOf(segmentNameAt(hole.timeline, before, segmentBytes), inventory),
      before: contentOf(segmentNameAt(hole.timeline, toLsn, segmentBytes), inventory),
      copies: copiesOf(hole, measure),
    };
  });
}

function contentOf(
  segment: SegmentName,
  { contents }: WalInventory,
): StoreReport['holes'][number]['after'] {
  const [hash, other] = contents?.get(segment) ?? [];
  return hash === undefined || other !== undefined ? null : { segment, hash };
}

/** Whoever fills a hole by hand knows by the hash that it is the right file. */
function copiesOf(
  { timeline, fromLsn, segments }: HoleRange,
  { stores, segmentBytes }: WalMeasure,
): StoreReport['holes'][number]['copies'] {
  const copies: StoreReport['holes'][number]['copies'] = [];
  for (let at = 0; at < segments; at++) {
    const lsn = lsnFromBytes(lsnBytes(fromLsn) + BigInt(at * segmentBytes));
    const segment = segmentNameAt(timeline, lsn, segmentBytes);
    for (const { store, inventory } of stores)
      for (const hash of inventory?.contents?.get(segment) ?? [])
        copies.push({ store, segment, hash });
    if (copies.length >= COPIES_MAX) break;
  }
  return copies.slice(0, COPIES_MAX);
}

/** Of the cluster that was looked at; recovery may take each file from any store. */
function baseReports({ measure, backups, follow }: WalFacts): WalReport['bases'] {
  const { folder, stores, segmentBytes } = measure;
  const inventories = stores.flatMap(({ inventory }) => inventory ?? []);
  const joined = joinInventories(inventories, segmentBytes);
  const isAll = inventories.length === stores.length;
  return basesOf(backups, folder?.systemId).map((base) => {
    const { backupId, timeline, beginLsn: from } = base;
    const { to, reaches } = reachOf(base, joined, follow);
    return {
      backupId,
      timeline,
      from,
      to,
      reaches: reaches === 'hole' && !isAll ? 'unknown' : reaches,
    };
  });
}

function reachOf(
  base: Base,
  inventory: WalInventory,
  follow: FollowWal,
): Pick<WalReport['bases'][number], 'to' | 'reaches'> {
  const reach = follow(base, inventory);
  const end = inventory.runs.at(-1);
  if (reach === undefined || end === undefined) return { to: null, reaches: 'hole' };
  const { timeline, toLsn: to } = reach;
  if (reach.thinned === true) return { to, reaches: 'own' };
  if (timeline === end.timeline && to === end.toLsn) return { to, reaches: 'all' };
  const isLeft = !isOnLine(base, lineOf(end.timeline, inventory.forks ?? []));
  return { to, reaches: isLeft && !reach.broken ? 'left' : 'hole' };
}

function coverageOf({ runs }: WalInventory): StoreReport['coverage'] {
  return runs.map(({ fromLsn, toLsn, timeline }) => ({ from: fromLsn, to: toLsn, timeline }));
}

function problemReport(problem: Problem | undefined): StoreReport['unreachable'] {
  if (problem === undefined) return null;
  return { code: problem.kind.code, message: problem.message, hint: problem.hint };
}

function slotReport(slot: SlotState, rate: number | undefined): WalReport['slot'] {
  const { safeBytes } = slot;
  const isKnown = safeBytes !== undefined && rate !== undefined && rate > 0;
  return {
    name: slot.name,
    active: slot.active,
    walStatus: orNull(slot.walStatus),
    restartLsn: orNull(slot.restartLsn),
    keptBytes: orNull(slot.keptBytes),
    safeBytes: orNull(safeBytes),
    headroomSeconds: isKnown ? Math.max(0, Math.round(safeBytes / rate)) : null,
  };
}

function orNull<T>(value: T | undefined): T | null {
  return value ?? null;
}
