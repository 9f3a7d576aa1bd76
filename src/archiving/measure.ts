/**
 * What is stored of a server's log and how far that is behind, as far as it can be told: from the server
 * and the stores that answer, else from what the catalogue remembers. Who did not answer is named.
 */
import { z } from 'zod';

import type { WalProgressRecord } from '../catalog/records.ts';
import type { ClusterFolder } from '../engines/engine.ts';
import type { WalInventory } from '../engines/wal-archive.ts';
import { isLsn, type Lsn, lsnBytes } from '../kernel/lsn.ts';
import { isProblem, type Problem } from '../kernel/problem.ts';
import { connect } from '../postgres/connect.ts';
import { readServerFacts, type ServerFacts } from '../postgres/server-facts.ts';
import { readSlot, type SlotState, slotName } from '../postgres/slots.ts';
import { readWalRate } from '../postgres/wal-rate.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { readBase } from './coverage.ts';
import type { ArchivingOperationDeps, ArchivingServer, OtherStore } from './deps.ts';

export interface WalMeasure {
  readonly folder: ClusterFolder | undefined;
  readonly segmentBytes: number;
  readonly slot: SlotState | undefined;
  /** Log that the server writes, in bytes per second; undefined: it does not answer. */
  readonly walRate: number | undefined;
  readonly serverLsn: Lsn | undefined;
  /** Why the server could not be asked. */
  readonly unreachable: Problem | undefined;
  /** The server's first. */
  readonly first: StoreMeasure;
  /** Every store, the first one first. */
  readonly stores: readonly StoreMeasure[];
}

/** What one store has of the log. */
export interface StoreMeasure {
  readonly store: string;
  /** Empty when there is no cluster's folder yet. Undefined: it did not answer. */
  readonly inventory: WalInventory | undefined;
  /** As listed; of a store that does not answer, as remembered. */
  readonly storedLsn: Lsn | undefined;
  /** Bytes of log that are on the server only; undefined: the server does not answer. */
  readonly lagBytes: number | undefined;
  /** Age of the moment of which everything is stored; 0: nothing is missing; undefined: unknown. */
  readonly lagSeconds: number | undefined;
  /** Age of the moment of which everything is known to be stored there; undefined: none is known. */
  readonly ageSeconds: number | undefined;
  readonly unreachable: Problem | undefined;
}

const SEGMENT_BYTES = 16 * 1024 * 1024;

export async function measureWal(
  server: ArchivingServer,
  deps: ArchivingOperationDeps,
  { signal }: { readonly signal: AbortSignal },
): Promise<WalMeasure> {
  const asked = await askServer(server, deps, signal);
  const known = await deps.catalog.walProgress.find(server.name, server.storeName);
  const cluster = await findCluster(server, deps, asked.facts, { signal });
  const look = { server, cluster, serverLsn: asked.facts?.lsn, signal };
  const first = await tryStore({ name: server.storeName, store: server.store }, look, deps);
  const stores = [first];
  for (const other of server.otherStores ?? []) stores.push(await tryStore(other, look, deps));
  return {
    folder: cluster.folder,
    segmentBytes: cluster.segmentBytes,
    slot: asked.slot,
    walRate: asked.walRate,
    serverLsn: asked.facts?.lsn ?? toldLsn(known?.serverLsn),
    unreachable: asked.unreachable,
    first,
    stores,
  };
}

interface Look {
  readonly server: ArchivingServer;
  readonly cluster: Cluster;
  readonly serverLsn: Lsn | undefined;
  readonly signal: AbortSignal;
}

/** One that does not answer is told as far as it is remembered. */
async function tryStore(
  place: OtherStore,
  look: Look,
  deps: ArchivingOperationDeps,
): Promise<StoreMeasure> {
  const known = await deps.catalog.walProgress.find(look.server.name, place.name);
  const age = ageSeconds(known, deps.clock.now());
  try {
    const inventory = await inventoryOf(place, look, deps);
    const storedLsn = inventory.runs.at(-1)?.toLsn;
    const lagBytes = lagBetween(storedLsn, look.serverLsn);
    return {
      store: place.name,
      inventory,
      storedLsn,
      lagBytes,
      lagSeconds: lagBytes === 0 ? 0 : age,
      ageSeconds: age,
      unreachable: undefined,
    };
  } catch (error) {
    look.signal.throwIfAborted();
    if (!isProblem(error)) throw error;
    const storedLsn = toldLsn(known?.storedLsn);
    return {
      store: place.name,
      inventory: undefined,
      storedLsn,
      lagBytes: lagBetween(storedLsn, look.serverLsn),
      lagSeconds: age,
      ageSeconds: age,
      unreachable: error,
    };
  }
}

async function inventoryOf(
  { store }: OtherStore,
  { server, cluster, signal }: Look,
  { archive }: ArchivingOperationDeps,
): Promise<WalInventory> {
  const { folder, segmentBytes } = cluster;
  const { ring } = server;
  if (folder !== undefined)
    return await archive.inventory({
      store,
      ring,
      segmentBytes,
      signal,
      folder,
      withContents: true,
    });
  // Nothing is known to look for, but a store that is away must not look empty.
  for await (const _ of store.list(`${server.name}/`, { signal })) break;
  return NOTHING;
}

const NOTHING: WalInventory = {
  runs: [],
  missing: [],
  histories: [],
  segments: 0,
  storedBytes: 0,
};

function toldLsn(text: string | undefined): Lsn | undefined {
  return text !== undefined && isLsn(text) ? text : undefined;
}

function ageSeconds(
  known: WalProgressRecord | undefined,
  now: Temporal.Instant,
): number | undefined {
  if (known === undefined) return undefined;
  return Math.max(0, now.since(Temporal.Instant.from(known.at)).total('seconds'));
}

function lagBetween(storedLsn: Lsn | undefined, serverLsn: Lsn | undefined): number | undefined {
  if (storedLsn === undefined || serverLsn === undefined) return undefined;
  const lag = Number(lsnBytes(serverLsn) - lsnBytes(storedLsn));
  return Math.max(0, lag);
}

interface Asked {
  readonly facts?: ServerFacts;
  readonly slot?: SlotState | undefined;
  readonly walRate?: number;
  readonly unreachable?: Problem;
}

async function askServer(
  server: ArchivingServer,
  { clock }: ArchivingOperationDeps,
  signal: AbortSignal,
): Promise<Asked> {
  try {
    await using session = await connect(server.url, { signal });
    const slot = await readSlot(session, slotName(server.name));
    const walRate = await readWalRate(session, clock, { signal });
    return { facts: await readServerFacts(session), slot, walRate };
  } catch (error) {
    // A dead server is the very moment at which somebody asks what is stored.
    if (isProblem(error)) return { unreachable: error };
    throw error;
  }
}

interface Cluster {
  readonly folder: ClusterFolder | undefined;
  readonly segmentBytes: number;
}

/** As the server says; where it is silent, what the catalogue and the stores know. */
async function findCluster(
  server: ArchivingServer,
  deps: ArchivingOperationDeps,
  facts: ServerFacts | undefined,
  { signal }: { readonly signal: AbortSignal },
): Promise<Cluster> {
  if (facts !== undefined) {
    const { major, systemId, segmentBytes } = facts;
    return { folder: { server: server.name, major, systemId }, segmentBytes };
  }
  const known = await deps.catalog.walProgress.find(server.name, server.storeName);
  const segmentBytes = await rememberedSegmentBytes(server, deps);
  for (const store of [server.store, ...(server.otherStores ?? []).map((other) => other.store)]) {
    try {
      const folder = await findFolder({ server, store, systemId: known?.systemId, signal });
      if (folder !== undefined) return { folder, segmentBytes };
    } catch (error) {
      // It is named when its log is looked at.
      signal.throwIfAborted();
      if (!isProblem(error)) throw error;
    }
  }
  return { folder: await rememberedFolder(server, deps), segmentBytes };
}

/** Of the newest backup, where no store tells. */
async function rememberedFolder(
  server: ArchivingServer,
  { catalog }: ArchivingOperationDeps,
): Promise<ClusterFolder | undefined> {
  const base = readBase((await catalog.backups.list(server.name)).at(-1)?.summary ?? null);
  if (base === undefined) return undefined;
  return { server: server.name, major: base.major, systemId: base.systemId };
}

interface FolderSearch {
  readonly server: ArchivingServer;
  readonly store: ObjectStore;
  readonly systemId: string | undefined;
  readonly signal: AbortSignal;
}

/** The cluster the catalogue speaks of, else the one whose name sorts last. */
async function findFolder({
  server,
  store,
  systemId,
  signal,
}: FolderSearch): Promise<ClusterFolder | undefined> {
  let last: ClusterFolder | undefined;
  for await (const { key } of store.list(`${server.name}/`, { signal })) {
    const parts = /^[^/]+\/(\d+)-(\d+)\/(?:wal|tail)\//.exec(key);
    if (parts === null) continue;
    const found = { server: server.name, major: Number(parts[1]), systemId: parts[2] ?? '' };
    if (found.systemId === systemId) return found;
    last = found;
  }
  return last;
}

const Summary = z.object({ segmentBytes: z.number().int().positive() });

async function rememberedSegmentBytes(
  server: ArchivingServer,
  { catalog }: ArchivingOperationDeps,
): Promise<number> {
  const newest = (await catalog.backups.list(server.name)).at(-1);
  const summary = Summary.safeParse(newest?.summary);
  return summary.success ? summary.data.segmentBytes : SEGMENT_BYTES;
}
