/**
 * Composition root: the one file that knows every concrete part. It decides nothing; it hands rooms
 * what they declared that they need. Loaded only by commands that need operations; Slack's packages come
 * when something is published.
 */
import { join } from 'node:path';
import { alertsOperation } from './alerts/operation.ts';
import {
  type ArchivingOperationDeps,
  type ArchivingServer,
  createLogBells,
  requireServer,
} from './archiving/deps.ts';
import { forgetOperation } from './archiving/forget-operation.ts';
import { requireNoOtherOwner } from './archiving/store-guard.ts';
import { archiveUntil } from './archiving/wait-for-wal.ts';
import { walOperation } from './archiving/wal-operation.ts';
import type { BackupDeps } from './backup/deps.ts';
import { backupOperations } from './backup/operations.ts';
import { backupPacksSweeper } from './backup/packs-sweeper.ts';
import type { Houses, OpenHouse } from './cli/house.ts';
import { scratchClusterSweeper } from './clusters/teardown.ts';
import { updateOperation } from './communications/operation.ts';
import {
  approvalsOf,
  healthPath,
  opsAudience,
  secondsOf,
  serverNames,
  serversOf,
  tuningOf,
  urlOf,
} from './config/views.ts';
import { streamingEngine } from './engines/streaming/streaming-engine.ts';
import { walStore } from './engines/streaming/wal-store.ts';
import { createGate } from './gate/create-gate.ts';
import type { GateDeps } from './gate/deps.ts';
import type { AnyOperation, Sweeper } from './gate/operation.ts';
import { ownOperations } from './gate/own-operations.ts';
import { recover } from './gate/recover.ts';
import { createRegistry } from './gate/registry.ts';
import type { Incidents } from './incidents/incidents.ts';
import { incidentOperation } from './incidents/operation.ts';
import { createIncidents } from './incidents/verbs.ts';
import { createJournal } from './journal/journal.ts';
import { systemClock } from './kernel/clock.ts';
import type { KeysDeps } from './keys/deps.ts';
import { keysOperation } from './keys/operation.ts';
import type { MirroringDeps } from './mirroring/deps.ts';
import { MirrorFeed } from './mirroring/feed.ts';
import { mirrorUntil } from './mirroring/mirror-until.ts';
import type { MonitoringDeps } from './monitoring/deps.ts';
import { healthOperation } from './monitoring/health.ts';
import { statusOperation } from './monitoring/status-operation.ts';
import { usageOperation } from './monitoring/usage-operation.ts';
import { connect } from './postgres/connect.ts';
import { findPrograms } from './postgres/programs.ts';
import { followWal } from './recovery/coverage.ts';
import type { RecoveryDeps } from './recovery/deps.ts';
import { instancesOperation } from './recovery/instances-operation.ts';
import { ratesOf } from './recovery/point-in-time/forecast.ts';
import { restoreOperation } from './recovery/restore-operation.ts';
import { restoredSchemaSweeper, restoreTablesOperation } from './recovery/tables-operation.ts';
import type { RetentionDeps } from './retention/deps.ts';
import { retentionOperations } from './retention/operations.ts';
import { removedBackupSweeper } from './retention/remove-backups.ts';
import type { Environment } from './secrets/sources.ts';
import type { ObjectStore } from './storage/object-store.ts';
import type { VerificationDeps } from './verification/deps.ts';
import { verifyOperation } from './verification/operation.ts';
import { takeProofPoint } from './verification/proof-point.ts';
import { pausedStandbySweeper } from './verification/read-standby.ts';
import {
  openKeyKeeper,
  openPager,
  openParts,
  openPublisher,
  type Parts,
  random,
} from './wire-open.ts';
import { countedRequests, monitoringRules, proofRules, tiersOf } from './wire-rules.ts';

export function houses(environment: Environment): Houses {
  return {
    async open(loaded, options) {
      return openHouse(await openParts(loaded, environment, options));
    },
    async createKeys({ config }, { signal }) {
      const keeper = await openKeyKeeper(config.keys, systemClock);
      const { keyId, places } = await keeper.create({ signal });
      return { keyId, places, escrow: keeper.escrow };
    },
  };
}

// ——— rooms ———

/** The newest few restores say how fast this machine is now. */
const MEASURED_RATES_MAX = 5;
const MEASURED_RUNS_MAX = 100;

/** What each room declared that it needs. */
export interface Rooms {
  readonly parts: Parts;
  readonly archiving: ArchivingOperationDeps;
  readonly backup: BackupDeps;
  readonly recovery: RecoveryDeps;
  readonly verification: VerificationDeps;
  readonly monitoring: MonitoringDeps;
  readonly mirroring: MirroringDeps;
  readonly keys: KeysDeps;
  readonly retention: RetentionDeps;
  readonly incidents: Incidents;
}

export function roomsOf(parts: Parts): Rooms {
  const { config, clock, catalog, runbooks, people, gate } = parts;
  const engine = streamingEngine({
    connectionUrl: (server) => urlOf(config, server),
    tuning: (server) => tuningOf(config, server),
    clock,
  });
  const means = { ...parts, engine, walArchive: walStore, storesOf: storesOf(parts) };
  const feed = new MirrorFeed();
  const servers = archivingServers(parts);
  const archiving = { ...parts, servers, archive: walStore, follow: followWal, listener: feed };
  const mirroring = { ...parts, mirrored: mirroredServers(servers), engine, feed };
  const recovery = { ...means, ...recoveryMeans(parts) };
  const verification = {
    recovery,
    catalog,
    ...proofRules(config),
    untilStored: untilStored(archiving, mirroring),
  };
  return {
    parts,
    archiving,
    backup: {
      ...means,
      servers: config.servers,
      tiersOf: tiersOf(config),
      takeProofPoint: (request) => takeProofPoint(verification, request),
    },
    recovery,
    retention: {
      ...means,
      servers: config.servers,
      zone: config.timezone,
      requireOwn: async (name, { name: storeName, store }, options) =>
        requireNoOtherOwner({ name, storeName, store }, parts, options),
    },
    verification,
    mirroring,
    monitoring: { ...parts, ...monitoringRules(config) },
    keys: {
      ...parts,
      servers: serverNames(config),
      storesOf: means.storesOf,
      ring: parts.living ?? parts.ring,
    },
    incidents: createIncidents({
      catalog,
      gate,
      people,
      runbooks,
      servers: serverNames(config),
      clock,
    }),
  };
}

export function operationsOf({
  parts,
  archiving,
  backup,
  recovery,
  verification,
  monitoring,
  keys,
  retention,
  incidents,
}: Rooms): readonly AnyOperation[] {
  const { catalog, clock, config, gate } = parts;
  const servers = serverNames(config);
  const audience = opsAudience(config) ?? '';
  return [
    statusOperation(monitoring),
    ...backupOperations(backup),
    verifyOperation(verification),
    restoreOperation(recovery),
    restoreTablesOperation(recovery),
    instancesOperation(recovery),
    walOperation(archiving),
    forgetOperation(archiving),
    keysOperation(keys),
    ...retentionOperations(retention),
    incidentOperation({ incidents, servers, clock, audience }),
    updateOperation({ incidents, publisher: openPublisher(parts), clock }),
    ...ownOperations({ gate, runs: catalog.runs, journal: createJournal(catalog.journal) }),
    healthOperation({ path: healthPath(config), clock }),
    alertsOperation({ catalog, pager: openPager(config), clock, random }),
    usageOperation({ ...parts, prices: config.prices, requests: countedRequests(config) }),
  ];
}

function archivingServers({ config, stores, ring }: Parts): readonly ArchivingServer[] {
  return serversOf(config).map(([name, server]) => {
    const [storeName = ''] = server.stores;
    const store = requireStore(stores, storeName);
    const others = server.stores.slice(1);
    const otherStores = others.map((other) => ({
      name: other,
      store: requireStore(stores, other),
    }));
    const { tail_seconds: tailSeconds, allow_unbounded_slot: allowUnboundedSlot } =
      server.archiving;
    const where = { storeName, store, otherStores, ring, pitr: server.retention.pitr };
    const bells = createLogBells();
    return { name, url: server.url, ...where, tailSeconds, bells, allowUnboundedSlot };
  });
}

function mirroredServers(servers: readonly ArchivingServer[]): MirroringDeps['mirrored'] {
  return servers.map(({ name, storeName, store, otherStores = [] }) => ({
    name,
    first: { name: storeName, store },
    others: otherStores,
  }));
}

/** By whoever archives and copies, else by ourselves meanwhile: always by way of the first store. */
function untilStored(
  deps: ArchivingOperationDeps,
  mirroring: MirroringDeps,
): VerificationDeps['untilStored'] {
  return async ({ server: name, store, lsn, holder, signal }) => {
    const server = requireServer(deps.servers, name);
    await archiveUntil({ server, lsn, deps, holder, signal });
    if (store.name === server.storeName) return;
    const source = { name: server.storeName, store: server.store };
    const route = { server: name, source, target: store };
    await mirrorUntil({ route, lsn, deps: mirroring, holder, signal });
  };
}

function recoveryMeans(
  parts: Parts,
): Omit<RecoveryDeps, keyof Parts | 'engine' | 'walArchive' | 'storesOf'> {
  const { config, environment, user, catalog } = parts;
  const { path = join(config.state, 'scratch'), keep } = config.scratch;
  return {
    servers: new Map(serversOf(config)),
    findRun: (runId) => catalog.runs.find(runId),
    programsFor: (major, { signal }) => findPrograms({ major, signal, environment, user }),
    connect,
    scratch: { path, keepSeconds: secondsOf(keep), user },
    async measuredRates() {
      const runs = await catalog.runs.list({ states: ['done'], limit: MEASURED_RUNS_MAX });
      return ratesOf(runs.map(({ result }) => result)).slice(0, MEASURED_RATES_MAX);
    },
  };
}

// ——— a house that is open ———

export interface WiredHouse extends OpenHouse {
  readonly rooms: Rooms;
  readonly gateDeps: GateDeps;
}

export function sweepersOf({
  backup,
  recovery,
  retention,
  verification,
}: Rooms): readonly Sweeper[] {
  return [
    scratchClusterSweeper,
    backupPacksSweeper(backup),
    restoredSchemaSweeper(recovery),
    removedBackupSweeper(retention),
    pausedStandbySweeper(verification),
  ];
}

export function openHouse(opened: Parts): WiredHouse {
  const parts: Parts = { ...opened, gate: () => gate };
  const { catalog, clock, log, people, processes } = parts;
  const rooms = roomsOf(parts);
  const registry = createRegistry(operationsOf(rooms));
  const gateDeps: GateDeps = {
    catalog,
    registry,
    people,
    approvals: approvalsOf(parts.config),
    clock,
    log,
    processes,
  };
  const gate = createGate(gateDeps);
  return {
    gate,
    registry,
    rooms,
    gateDeps,
    recover: (options) => recover({ ...gateDeps, sweepers: sweepersOf(rooms) }, options),
    newestSeq: () => catalog.runs.newestSeq(),
    eventsOf: (runId) => catalog.runs.eventsOf(runId),
    [Symbol.asyncDispose]: () => catalog[Symbol.asyncDispose](),
  };
}

// ——— from config to what rooms take ———

function requireStore(stores: ReadonlyMap<string, ObjectStore>, name: string): ObjectStore {
  const store = stores.get(name);
  if (store === undefined) throw new TypeError(`The config let a missing store through: "${name}"`);
  return store;
}

function storesOf({ config, stores }: Parts): BackupDeps['storesOf'] {
  return (server) =>
    (config.servers[server]?.stores ?? []).map((name) => ({
      name,
      store: requireStore(stores, name),
    }));
}
