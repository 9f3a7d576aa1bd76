/**
 * Opens what everything else is made of: the catalogue, the key, the stores. Loaded with the first house
 * that is opened, and the catalogue's packages with it.
 */
import { randomInt } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import type { Pager } from './alerts/pager.ts';
import { pagerDuty } from './alerts/pagerduty.ts';
import type { Catalog } from './catalog/catalog.ts';
import type { OpenOptions } from './cli/house.ts';
import type { Publisher } from './communications/operation.ts';
import type { Config } from './config/config.ts';
import type { LoadedConfig } from './config/load.ts';
import type { KeysSection } from './config/sections/keys.ts';
import type { StoresSection } from './config/sections/stores.ts';
import { catalogPath, serversOf } from './config/views.ts';
import { fileKeeper } from './encryption/file-keeper.ts';
import type { KeyKeeper } from './encryption/key-keeper.ts';
import type { KeyRing } from './encryption/key-ring.ts';
import { type LivingRing, openLivingRing } from './encryption/living-ring.ts';
import type { Gate } from './gate/gate.ts';
import { livingLeases } from './gate/living-leases.ts';
import type { People } from './gate/people.ts';
import { type Processes, systemProcesses } from './gate/processes.ts';
import { composedPeople } from './gate/terminal-people.ts';
import { type Clock, systemClock } from './kernel/clock.ts';
import type { Log } from './kernel/log.ts';
import { isProblem, type Problem } from './kernel/problem.ts';
import { lockOfNew } from './retention/locks.ts';
import { type Runbooks, readRunbooks } from './runbooks/read-runbooks.ts';
import type { Environment } from './secrets/sources.ts';
import { directoryStore } from './storage/directory.ts';
import type { ObjectStore } from './storage/object-store.ts';
import { RequestCounts } from './storage/request-counts.ts';
import { retainingStore } from './storage/retaining-store.ts';
import type { S3Credentials, S3Settings } from './storage/s3/settings.ts';
import { s3Store } from './storage/s3/store.ts';
import type { ProgramUser } from './subprocess/run.ts';
import { resolveUser } from './subprocess/user.ts';

const RUNBOOKS = fileURLToPath(new URL('../runbooks', import.meta.url));

/** What everything else is made of. */
export interface Parts {
  readonly config: Config;
  readonly environment: Environment;
  /** Its leases are free as soon as their holder is certainly gone. */
  readonly catalog: Catalog;
  readonly processes: Processes;
  readonly ring: KeyRing;
  /** Where the keys of the ring are kept for good. */
  readonly keeper: KeyKeeper;
  /** The ring as one that learns; undefined: it could not be opened. */
  readonly living: LivingRing | undefined;
  readonly stores: ReadonlyMap<string, ObjectStore>;
  /** What is asked of buckets from this process. */
  readonly requests: RequestCounts;
  readonly runbooks: Runbooks;
  /** Who runs PostgreSQL; undefined: ourselves. */
  readonly user: ProgramUser | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly people: People;
  /** Late, because the gate is made from operations. */
  readonly gate: () => Gate;
}

export async function openParts(
  { config }: LoadedConfig,
  environment: Environment,
  { log, signal }: OpenOptions,
): Promise<Parts> {
  const { openSqliteCatalog } = await import('./catalog/sqlite.ts');
  const clock = systemClock;
  // Others may pass through, because PostgreSQL's user must reach its scratch clusters; not look in.
  // Where it cannot be made, the catalogue says so.
  await mkdir(config.state, { recursive: true, mode: 0o711 }).catch(() => undefined);
  const path = catalogPath(config);
  const processes = systemProcesses();
  const runbooks = await readRunbooks(RUNBOOKS);
  const keeper = await openKeyKeeper(config.keys, clock);
  const opened = await openRing(keeper, { clock, signal });
  const catalog = await openSqliteCatalog({ path, clock, random });
  const requests = new RequestCounts();
  const stores = openStores(config, log, {
    wasUsed: (store) => isRemembered(store, config, catalog),
    requests,
  });
  return {
    config,
    environment,
    user: await resolveUser(config.scratch.user, { signal }),
    runbooks,
    ...opened,
    keeper,
    stores,
    requests,
    catalog: { ...catalog, leases: livingLeases(catalog.leases, processes) },
    processes,
    people: composedPeople(),
    clock,
    log,
    gate: notYet,
  };
}

/** `wasUsed`: whether something was stored in the store of that name, as far as we remember. */
export function openStores(
  config: Config,
  log: Log,
  {
    wasUsed = async () => false,
    requests = new RequestCounts(),
  }: {
    readonly wasUsed?: (store: string) => Promise<boolean>;
    readonly requests?: RequestCounts;
  } = {},
): ReadonlyMap<string, ObjectStore> {
  const stores = Object.entries(config.stores);
  return new Map(
    stores.map(([name, store]) => [
      name,
      openStore(store, {
        config,
        log,
        wasUsed: () => wasUsed(name),
        onRequest: (command) => requests.count(name, command),
      }),
    ]),
  );
}

/** The catalogue has a backup there, or log. */
async function isRemembered(store: string, config: Config, catalog: Catalog): Promise<boolean> {
  const backups = await catalog.backups.list();
  if (backups.some((row) => row.store === store)) return true;
  for (const server of Object.keys(config.servers)) {
    const row = await catalog.walProgress.find(server, store);
    if (row !== undefined && row.storedLsn !== '0/0') return true;
  }
  return false;
}

interface Opening {
  readonly config: Config;
  readonly log: Log;
  readonly wasUsed: () => Promise<boolean>;
  readonly onRequest: (command: string) => void;
}

function openStore(store: StoresSection[string], opening: Opening): ObjectStore {
  const { config, log, wasUsed, onRequest } = opening;
  if (store.kind === 'directory') return directoryStore(store.path, { wasUsed });
  const opened = s3Store(s3SettingsOf(store), {
    clock: systemClock,
    random,
    onRequest,
    warn: (message) => log.warn('A store cannot do all that we ask of it', { told: message }),
  });
  if (store.object_lock === undefined) return opened;
  return retainingStore(opened, (key) => {
    const server = serversOf(config).find(([name]) => key.startsWith(`${name}/`));
    if (server === undefined) return undefined;
    const options = { now: systemClock.now(), zone: config.timezone };
    return lockOfNew(key, server[1].retention, options);
  });
}

function s3SettingsOf(store: Extract<StoresSection[string], { kind: 's3' }>): S3Settings {
  return {
    bucket: store.bucket,
    prefix: store.prefix,
    region: store.region,
    endpoint: store.endpoint,
    forcePathStyle: store.force_path_style,
    storageClass: store.storage_class,
    encryption: store.encryption,
    objectLock: store.object_lock,
    credentials: credentialsOf(store.credentials),
    deleter: credentialsOf(store.deleter),
  };
}

function credentialsOf(
  credentials: Extract<StoresSection[string], { kind: 's3' }>['credentials'],
): S3Credentials | undefined {
  if (credentials === undefined || 'profile' in credentials) return credentials;
  return {
    accessKeyId: credentials.access_key_id,
    secretAccessKey: credentials.secret_access_key,
    sessionToken: credentials.session_token,
  };
}

/** AWS's packages come only for keys that are kept there. */
export async function openKeyKeeper(keys: KeysSection, clock: Clock): Promise<KeyKeeper> {
  if (keys.kind === 'file') return fileKeeper(keys.path, { clock });
  const { regionSecrets } = await import('./secrets/secrets-manager.ts');
  const { secretsKeeper } = await import('./encryption/secrets-keeper.ts');
  const { name, endpoint, kms_keys: kmsKeys } = keys;
  const regions = keys.regions.map((region) =>
    regionSecrets({
      region,
      endpoint: typeof endpoint === 'object' ? endpoint[region] : endpoint,
    }),
  );
  return secretsKeeper({ name, regions, kmsKeys, clock });
}

/** @throws Problem KEY_* */
export async function openKeyRing(
  keys: KeysSection,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<LivingRing> {
  return await openLivingRing(await openKeyKeeper(keys, clock), { clock, signal });
}

/** Undefined: nobody is paged. Its package is loaded when somebody is. */
export function openPager({ alerts }: Config): Pager | undefined {
  if (alerts.pagerduty === undefined) return undefined;
  const { routing_key: routingKey, url, runbooks_url: runbooksUrl } = alerts.pagerduty;
  return pagerDuty({ routingKey, url, runbooksUrl });
}

/** Without its key the house still opens: `status`, `runs` and `journal` need none. */
async function openRing(
  keeper: KeyKeeper,
  options: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Pick<Parts, 'ring' | 'living'>> {
  try {
    const living = await openLivingRing(keeper, options);
    return { ring: living, living };
  } catch (error) {
    if (isProblem(error)) return { ring: closedRing(error), living: undefined };
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

export function random(): number {
  return randomInt(2 ** 32) / 2 ** 32;
}

/** Slack's packages are loaded when something is published. */
export function openPublisher({ config, clock, log }: Parts): Publisher | undefined {
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
