/** Looks for holes that a later backup has repaired, in everything that is stored. */
import { joinInventories } from '../engines/joined-wal.ts';
import type { WalInventory } from '../engines/wal-archive.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Base } from './coverage.ts';
import type { ArchivingOperationDeps, ArchivingServer } from './deps.ts';
import { type OlderFacts, type OlderHole, olderHoles, withElsewhere } from './older-holes.ts';

/** What is being stored, joined or removed while we list may look like a hole. */
export const LOOKS_BEFORE_TELLING = 3;
export const LOOK_AGAIN_MS = 1000;

export interface LookBack extends Pick<OlderFacts, 'bases' | 'present'> {
  readonly server: ArchivingServer;
  readonly inventoryOf: (store: ArchivingServer['store'], base: Base) => Promise<WalInventory>;
  readonly deps: Pick<ArchivingOperationDeps, 'follow' | 'clock'>;
  readonly signal: AbortSignal;
}

/** Empty also where no older backup is kept. */
export async function lookBack(look: LookBack): Promise<readonly OlderHole[]> {
  const { bases, present, server, deps, signal } = look;
  if (bases.every(({ backupId }) => backupId === present.backupId)) return [];
  for (let number = 1; ; number++) {
    const inventory = await look.inventoryOf(server.store, present);
    const facts = { bases, present, inventory, windowFrom: windowOf(server, deps.clock.now()) };
    const holes = olderHoles(facts, deps.follow);
    if (holes.length === 0) return [];
    if (number === LOOKS_BEFORE_TELLING) return await withOthers(holes, facts, look);
    await deps.clock.sleep(LOOK_AGAIN_MS, { signal });
  }
}

/** Days of the calendar: an hour more or less at its ends decides nothing here. */
function windowOf({ pitr }: ArchivingServer, now: Temporal.Instant): Temporal.Instant | undefined {
  return pitr === undefined ? undefined : now.toZonedDateTimeISO('UTC').subtract(pitr).toInstant();
}

async function withOthers(
  holes: readonly OlderHole[],
  facts: OlderFacts,
  { server, present, inventoryOf, deps, signal }: LookBack,
): Promise<readonly OlderHole[]> {
  const inventories = [facts.inventory];
  for (const { store } of server.otherStores ?? []) {
    try {
      inventories.push(await inventoryOf(store, present));
    } catch (error) {
      signal.throwIfAborted();
      if (!isProblem(error)) throw error;
    }
  }
  if (inventories.length === 1) return holes;
  const inventory = joinInventories(inventories, present.segmentBytes);
  return withElsewhere(holes, olderHoles({ ...facts, inventory }, deps.follow));
}
