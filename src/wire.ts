/**
 * Composition root: the one file that knows every concrete part. It decides nothing; it hands rooms
 * what they declared that they need. Loaded only by commands that need operations; the catalogue's and
 * Slack's packages come with the first house that is opened.
 */
import { randomInt } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { ArchivingOperationDeps, ArchivingServer } from './archiving/deps.ts';
import { forgetOperation } from './archiving/forget-operation.ts';
import { archivingService } from './archiving/services.ts';
import { walOperation } from './archiving/wal-operation.ts';
import type { Catalog } from './catalog/catalog.ts';
import type { Houses, OpenHouse, OpenOptions, ServeOptions } from './cli/house.ts';
import { serveParts } from './cli/serve.ts';
import type { Config } from './config/config.ts';
import { EXAMPLE_CONFIG } from './config/example.ts';
import { type LoadedConfig, parseConfig } from './config/load.ts';
import type { ServerSection } from './config/sections/servers.ts';
import { createKeyFile, openFileKeyRing } from './encryption/file-key-ring.ts';
import type { KeyRing } from './encryption/key-ring.ts';
import { walStore } from './engines/streaming/wal-store.ts';
import { createGate } from './gate/create-gate.ts';
import type { GateDeps } from './gate/deps.ts';
import type { Gate } from './gate/gate.ts';
import type { AnyOperation, Sweeper } from './gate/operation.ts';
import { ownOperations } from './gate/own-operations.ts';
import type { People } from './gate/people.ts';
import { systemProcesses } from './gate/processes.ts';
import { recover, recoverService } from './gate/recover.ts';
import { createRegistry } from './gate/registry.ts';
import { runnerService } from './gate/runner.ts';
import { composedPeople } from './gate/terminal-people.ts';
import { createJournal } from './journal/journal.ts';
import { type Clock, systemClock } from './kernel/clock.ts';
import { utcText } from './kernel/codecs.ts';
import { isServerName, type ServerName } from './kernel/ids.ts';
import { type Log, silentLog } from './kernel/log.ts';
import { isProblem, type Problem } from './kernel/problem.ts';
import type { MonitoringDeps } from './monitoring/deps.ts';
import { healthOperation, healthService, type ServiceHealth } from './monitoring/health.ts';
import { probeService } from './monitoring/probe-service.ts';
import { statusOperation } from './monitoring/status-operation.ts';
import { type Schedule, scheduleService } from './schedule/schedule-service.ts';
import type { Environment } from './secrets/sources.ts';
import { directoryStore } from './storage/directory.ts';
import type { ObjectStore } from './storage/object-store.ts';

/** What everything else is made of. */
interface Parts {
  readonly config: Config;
  readonly environment: Environment;
  readonly catalog: Catalog;
  readonly ring: KeyRing;
  readonly stores: ReadonlyMap<string, ObjectStore>;
  readonly clock: Clock;
  readonly log: Log;
  /** Late, because the gate is made from operations. */
  readonly gate: () => Gate;
}

export function houses(environment: Environment): Houses {
  return {
    describe: () => createRegistry(operations(undescribed())),
    async open(loaded, options) {
      return openHouse(await openParts(loaded, environment, options), composedPeople());
    },
    serve: (loaded, options) => serve(loaded, environment, options),
    async createKeys({ config }) {
      await createKeyFile(config.keys.path);
      return config.keys.path;
    },
  };
}

// ——— operations ———

function operations(parts: Parts): readonly AnyOperation[] {
  const { catalog, clock, config, gate } = parts;
  const archiving: ArchivingOperationDeps = {
    ...parts,
    servers: archivingServers(parts),
    archive: walStore,
  };
  return [
    statusOperation(monitoring(parts)),
    walOperation(archiving),
    forgetOperation(archiving),
    ...ownOperations({ gate, runs: catalog.runs, journal: createJournal(catalog.journal) }),
    healthOperation({ path: healthPath(config), clock }),
  ];
}

function sweepers(): readonly Sweeper[] {
  return [];
}

function archivingServers({ config, stores, ring }: Parts): readonly ArchivingServer[] {
  return serversOf(config).map(([name, server]) => {
    const [storeName = ''] = server.stores;
    const store = requireStore(stores, storeName);
    return {
      name,
      url: server.url,
      storeName,
      store,
      ring,
      tailSeconds: server.archiving.tail_seconds,
    };
  });
}

function monitoring({ config, catalog, clock, log }: Parts): MonitoringDeps {
  const servers = serversOf(config).map(([name, { url, stores, objectives }]) => ({
    name,
    url,
    stores,
    rpoSeconds: secondsOf(objectives.rpo),
    rtoSeconds: secondsOf(objectives.rto),
  }));
  return { servers, catalog, clock, log };
}

// ——— a house that is open ———

interface WiredHouse extends OpenHouse {
  readonly gateDeps: GateDeps;
}

function openHouse(parts: Parts, people: People): WiredHouse {
  const { catalog, clock, log } = parts;
  const registry = createRegistry(operations({ ...parts, gate: () => gate }));
  const gateDeps: GateDeps = {
    catalog,
    registry,
    people,
    approvals: approvals(parts.config),
    clock,
    log,
    processes: systemProcesses(),
  };
  const gate = createGate(gateDeps);
  return {
    gate,
    registry,
    gateDeps,
    newestSeq: () => catalog.runs.newestSeq(),
    eventsOf: (runId) => catalog.runs.eventsOf(runId),
    [Symbol.asyncDispose]: () => catalog[Symbol.asyncDispose](),
  };
}

async function openParts(
  { config }: LoadedConfig,
  environment: Environment,
  { log }: OpenOptions,
): Promise<Parts> {
  const { openSqliteCatalog } = await import('./catalog/sqlite.ts');
  const clock = systemClock;
  // Others may pass through, because PostgreSQL's user must reach its scratch clusters; not look in.
  await mkdir(config.state, { recursive: true, mode: 0o711 });
  const path = join(config.state, 'catalog.sqlite');
  return {
    config,
    environment,
    catalog: await openSqliteCatalog({ path, clock, random }),
    ring: await openRing(config.keys.path),
    stores: openStores(config),
    clock,
    log,
    gate: notYet,
  };
}

function openStores({ stores }: Config): ReadonlyMap<string, ObjectStore> {
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

function notYet(): never {
  throw new TypeError('The gate is asked before it is made');
}

// ——— the bot ———

async function serve(
  loaded: LoadedConfig,
  environment: Environment,
  options: ServeOptions,
): Promise<void> {
  const { log, signal, say } = options;
  // Nothing can be kept without it: better no bot than one that only seems to work.
  await openFileKeyRing(loaded.config.keys.path);
  const parts = await openParts(loaded, environment, options);
  const { catalog, clock, config } = parts;
  await using house = openHouse(parts, composedPeople());
  const { gate, gateDeps } = house;
  const recovering = { ...gateDeps, sweepers: sweepers() };
  const { interrupted, swept } = await recover(recovering, { signal });
  if (interrupted.length + swept.length > 0)
    say(`Found ${interrupted.length} interrupted runs; took back ${swept.length} things they left`);
  let states: () => readonly ServiceHealth[] = () => [];
  const health = healthService({ path: healthPath(config), clock, services: () => states() });
  const archiving = archivingServers(parts).map((server) => archivingService(server, parts));
  const schedules = scheduleService({
    schedules: schedulesOf(config),
    gate,
    records: catalog.schedules,
    clock,
    log,
  });
  await serveParts(
    {
      callers: [schedules],
      runs: [runnerService({ gate, runs: catalog.runs, clock, log })],
      services: [...archiving, recoverService(recovering), probeService(monitoring(parts)), health],
    },
    {
      clock,
      log,
      leases: catalog.leases,
      holder: gateDeps.processes.self,
      random,
      signal,
      onFlapping: (finding) => {
        const { code, server } = finding;
        const row = { code, server, finding: { ...finding }, at: utcText(clock.now()) };
        void catalog.findings.open(row).catch((error: unknown) => {
          log.warn('Cannot keep a finding', { finding: code, error });
        });
      },
      ready: () => say(`Ready: looking after ${Object.keys(config.servers).join(', ')}`),
      watch: (read) => {
        states = read;
      },
    },
  );
}

function schedulesOf(config: Config): readonly Schedule[] {
  const zone = config.timezone;
  const ops = config.slack?.channels.ops;
  const audience = ops === undefined ? {} : { audience: `slack:${ops}` };
  return serversOf(config).flatMap(([server, { backup, verification }]) => [
    {
      name: `backup:${server}`,
      cron: backup.schedule,
      zone,
      ask: { operation: 'backup', input: { server }, ...audience },
    },
    {
      name: `verify:${server}`,
      cron: verification.schedule,
      zone,
      ask: { operation: 'verify', input: { server }, ...audience },
    },
  ]);
}

// ——— from config to what rooms take ———

function serversOf(config: Config): readonly (readonly [ServerName, ServerSection])[] {
  return Object.entries(config.servers).map(([name, server]) => {
    if (!isServerName(name)) throw new TypeError(`Not a server's name: "${name}"`);
    return [name, server];
  });
}

function requireStore(stores: ReadonlyMap<string, ObjectStore>, name: string): ObjectStore {
  const store = stores.get(name);
  if (store === undefined) throw new TypeError(`The config let a missing store through: "${name}"`);
  return store;
}

function secondsOf(duration: string): number {
  return Temporal.Duration.from(duration).total('seconds');
}

function approvals({ slack }: Config): GateDeps['approvals'] {
  const { high = 1, expires = 'PT30M', self = false } = slack?.approvals ?? {};
  return { high, expires: Temporal.Duration.from(expires), self };
}

function healthPath({ state }: Config): string {
  return join(state, 'serve.json');
}

function random(): number {
  return randomInt(2 ** 32) / 2 ** 32;
}

// ——— operations that only describe themselves ———

/** Words are read before anything is opened: these parts are never touched, and say so if they are. */
function undescribed(): Parts {
  const example = { file: '/dbdr.yaml', environment: { SHOP_PASSWORD: 'example' } };
  const { config } = parseConfig(EXAMPLE_CONFIG, example);
  if (config === undefined) throw new TypeError('The example config is not valid');
  return {
    config,
    environment: {},
    catalog: untouched('catalogue'),
    ring: untouched('key ring'),
    stores: openStores(config),
    clock: systemClock,
    log: silentLog,
    gate: notYet,
  };
}

function untouched(name: string): never {
  function refuse(): never {
    throw new TypeError(`The ${name} was used where operations only describe themselves`);
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it stands for anything and does nothing
  return new Proxy(refuse, { get: (_target, key) => untouched(`${name}.${String(key)}`) }) as never;
}
