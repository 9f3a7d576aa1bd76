/**
 * Composition root: the one file that knows every concrete part. It decides nothing; it hands rooms
 * what they declared that they need. Loaded only by commands that need operations; the catalogue's and
 * Slack's packages come with the first house that is opened.
 */
import { randomInt } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type ArchivingOperationDeps,
  type ArchivingServer,
  requireServer,
} from './archiving/deps.ts';
import { forgetOperation } from './archiving/forget-operation.ts';
import { archiveUntil } from './archiving/wait-for-wal.ts';
import { walOperation } from './archiving/wal-operation.ts';
import type { BackupDeps } from './backup/deps.ts';
import { backupOperations } from './backup/operations.ts';
import type { Catalog } from './catalog/catalog.ts';
import type { Houses, OpenHouse, OpenOptions } from './cli/house.ts';
import { type Publisher, updateOperation } from './communications/operation.ts';
import type { Config } from './config/config.ts';
import type { LoadedConfig } from './config/load.ts';
import {
  approvalsOf,
  catalogPath,
  healthPath,
  opsAudience,
  secondsOf,
  serverNames,
  serversOf,
  urlOf,
  watchedServers,
} from './config/views.ts';
import { createKeyFile, openFileKeyRing } from './encryption/file-key-ring.ts';
import type { KeyRing } from './encryption/key-ring.ts';
import { streamingEngine } from './engines/streaming/streaming-engine.ts';
import { walStore } from './engines/streaming/wal-store.ts';
import { createGate } from './gate/create-gate.ts';
import type { GateDeps } from './gate/deps.ts';
import type { Gate } from './gate/gate.ts';
import type { AnyOperation } from './gate/operation.ts';
import { ownOperations } from './gate/own-operations.ts';
import type { People } from './gate/people.ts';
import { systemProcesses } from './gate/processes.ts';
import { createRegistry } from './gate/registry.ts';
import { composedPeople } from './gate/terminal-people.ts';
import type { Incidents } from './incidents/incidents.ts';
import { incidentOperation } from './incidents/operation.ts';
import { createIncidents } from './incidents/verbs.ts';
import { createJournal } from './journal/journal.ts';
import { type Clock, systemClock } from './kernel/clock.ts';
import type { Log } from './kernel/log.ts';
import { isProblem, type Problem } from './kernel/problem.ts';
import type { MonitoringDeps } from './monitoring/deps.ts';
import { healthOperation } from './monitoring/health.ts';
import { statusOperation } from './monitoring/status-operation.ts';
import { connect } from './postgres/connect.ts';
import { findPrograms } from './postgres/programs.ts';
import type { RecoveryDeps } from './recovery/deps.ts';
import { instancesOperation } from './recovery/instances-operation.ts';
import { restoreOperation } from './recovery/restore-operation.ts';
import { restoreTablesOperation } from './recovery/tables-operation.ts';
import { type Runbooks, readRunbooks } from './runbooks/read-runbooks.ts';
import type { Environment } from './secrets/sources.ts';
import { directoryStore } from './storage/directory.ts';
import type { ObjectStore } from './storage/object-store.ts';
import type { ProgramUser } from './subprocess/run.ts';
import { resolveUser } from './subprocess/user.ts';
import type { VerificationDeps } from './verification/deps.ts';
import { verifyOperation } from './verification/operation.ts';

const RUNBOOKS = fileURLToPath(new URL('../runbooks', import.meta.url));

/** What everything else is made of. */
export interface Parts {
  readonly config: Config;
  readonly environment: Environment;
  readonly catalog: Catalog;
  readonly ring: KeyRing;
  readonly stores: ReadonlyMap<string, ObjectStore>;
  readonly runbooks: Runbooks;
  /** Who runs PostgreSQL; undefined: ourselves. */
  readonly user: ProgramUser | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly people: People;
  /** Late, because the gate is made from operations. */
  readonly gate: () => Gate;
}

export function houses(environment: Environment): Houses {
  return {
    async open(loaded, options) {
      return openHouse(await openParts(loaded, environment, options));
    },
    async createKeys({ config }) {
      await createKeyFile(config.keys.path);
      return config.keys.path;
    },
  };
}

// ——— rooms ———

/** What each room declared that it needs. */
export interface Rooms {
  readonly parts: Parts;
  readonly archiving: ArchivingOperationDeps;
  readonly backup: BackupDeps;
  readonly recovery: RecoveryDeps;
  readonly verification: VerificationDeps;
  readonly monitoring: MonitoringDeps;
  readonly incidents: Incidents;
}

export function roomsOf(parts: Parts): Rooms {
  const { config, clock, catalog, runbooks, people, gate } = parts;
  const engine = streamingEngine({ connectionUrl: (server) => urlOf(config, server), clock });
  const means = { ...parts, engine, walArchive: walStore, storesOf: storesOf(parts) };
  const archiving = { ...parts, servers: archivingServers(parts), archive: walStore };
  const recovery = { ...means, ...recoveryMeans(parts) };
  return {
    parts,
    archiving,
    backup: { ...means, servers: config.servers },
    recovery,
    verification: {
      recovery,
      servers: config.servers,
      catalog,
      untilStored: untilStored(archiving),
    },
    monitoring: { ...parts, servers: watchedServers(config) },
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
    incidentOperation({ incidents, servers, clock, audience }),
    updateOperation({ incidents, publisher: publisher(parts), clock }),
    ...ownOperations({ gate, runs: catalog.runs, journal: createJournal(catalog.journal) }),
    healthOperation({ path: healthPath(config), clock }),
  ];
}

function archivingServers({ config, stores, ring }: Parts): readonly ArchivingServer[] {
  return serversOf(config).map(([name, server]) => {
    const [storeName = ''] = server.stores;
    const store = requireStore(stores, storeName);
    const tailSeconds = server.archiving.tail_seconds;
    return { name, url: server.url, storeName, store, ring, tailSeconds };
  });
}

/** By whoever archives the server, else by ourselves meanwhile. */
function untilStored(deps: ArchivingOperationDeps): VerificationDeps['untilStored'] {
  return ({ server: name, store, lsn, holder, signal }) => {
    const { url, ring, tailSeconds } = requireServer(deps.servers, name);
    const server = { name, url, ring, tailSeconds, storeName: store.name, store: store.store };
    return archiveUntil({ server, lsn, deps, holder, signal });
  };
}

function recoveryMeans(
  parts: Parts,
): Pick<RecoveryDeps, 'servers' | 'findRun' | 'programsFor' | 'connect' | 'scratch'> {
  const { config, environment, user, catalog } = parts;
  const { path = join(config.state, 'scratch'), keep } = config.scratch;
  return {
    servers: new Map(serversOf(config)),
    findRun: (runId) => catalog.runs.find(runId),
    programsFor: (major, { signal }) => findPrograms({ major, signal, environment, user }),
    connect,
    scratch: { path, keepSeconds: secondsOf(keep), user },
  };
}

/** Slack's packages are loaded when something is published. */
function publisher({ config, clock, log }: Parts): Publisher | undefined {
  const section = config.slack;
  if (section === undefined) return undefined;
  return {
    async publish(...update) {
      const { slackChat } = await import('./slack/chat.ts');
      const { slackPublisher } = await import('./slack/publisher.ts');
      return slackPublisher({ chat: slackChat({ section, log }), section, clock }).publish(
        ...update,
      );
    },
  };
}

// ——— a house that is open ———

export interface WiredHouse extends OpenHouse {
  readonly rooms: Rooms;
  readonly gateDeps: GateDeps;
}

export function openHouse(opened: Parts): WiredHouse {
  const parts: Parts = { ...opened, gate: () => gate };
  const { catalog, clock, log, people } = parts;
  const rooms = roomsOf(parts);
  const registry = createRegistry(operationsOf(rooms));
  const gateDeps: GateDeps = {
    catalog,
    registry,
    people,
    approvals: approvalsOf(parts.config),
    clock,
    log,
    processes: systemProcesses(),
  };
  const gate = createGate(gateDeps);
  return {
    gate,
    registry,
    rooms,
    gateDeps,
    newestSeq: () => catalog.runs.newestSeq(),
    eventsOf: (runId) => catalog.runs.eventsOf(runId),
    [Symbol.asyncDispose]: () => catalog[Symbol.asyncDispose](),
  };
}

export async function openParts(
  { config }: LoadedConfig,
  environment: Environment,
  { log, signal }: OpenOptions,
): Promise<Parts> {
  const { openSqliteCatalog } = await import('./catalog/sqlite.ts');
  const clock = systemClock;
  // Others may pass through, because PostgreSQL's user must reach its scratch clusters; not look in.
  await mkdir(config.state, { recursive: true, mode: 0o711 });
  const path = catalogPath(config);
  return {
    config,
    environment,
    user: await resolveUser(config.scratch.user, { signal }),
    runbooks: await readRunbooks(RUNBOOKS),
    ring: await openRing(config.keys.path),
    stores: openStores(config),
    catalog: await openSqliteCatalog({ path, clock, random }),
    people: composedPeople(),
    clock,
    log,
    gate: notYet,
  };
}

export function openStores({ stores }: Config): ReadonlyMap<string, ObjectStore> {
  return new Map(Object.entries(stores).map(([name, { path }]) => [name, directoryStore(path)]));
}

/** Without its key the house still opens: `status`, `runs` and `journal` need none. */
async function openRing(path: string): Promise<KeyRing> {
  try {
    return await openFileKeyRing(path);
  } catch (error) {
    if (isProblem(error)) return closedRing(error);
    throw error;
  }
}

function closedRing(problem: Problem): KeyRing {
  function refuse(): never {
    throw problem;
  }
  return {
    get currentKeyId() {
      return refuse();
    },
    get keyIds() {
      return refuse();
    },
    wrap: refuse,
    unwrap: refuse,
    contentName: refuse,
  };
}

export function notYet(): never {
  throw new TypeError('The gate is asked before it is made');
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

export function random(): number {
  return randomInt(2 ** 32) / 2 ** 32;
}
