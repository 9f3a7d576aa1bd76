/**
 * Opens what everything else is made of: the catalogue, the key, the stores. Loaded with the first house
 * that is opened, and the catalogue's packages with it.
 */
import { randomInt } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import type { Catalog } from './catalog/catalog.ts';
import type { OpenOptions } from './cli/house.ts';
import type { Config } from './config/config.ts';
import type { LoadedConfig } from './config/load.ts';
import type { KeysSection } from './config/sections/keys.ts';
import type { StoresSection } from './config/sections/stores.ts';
import { catalogPath } from './config/views.ts';
import { openFileKeyRing } from './encryption/file-key-ring.ts';
import type { KeyRing } from './encryption/key-ring.ts';
import type { Gate } from './gate/gate.ts';
import { livingLeases } from './gate/living-leases.ts';
import type { People } from './gate/people.ts';
import { type Processes, systemProcesses } from './gate/processes.ts';
import { composedPeople } from './gate/terminal-people.ts';
import { type Clock, systemClock } from './kernel/clock.ts';
import type { Log } from './kernel/log.ts';
import { isProblem, type Problem } from './kernel/problem.ts';
import { type Runbooks, readRunbooks } from './runbooks/read-runbooks.ts';
import type { Environment } from './secrets/sources.ts';
import { directoryStore } from './storage/directory.ts';
import type { ObjectStore } from './storage/object-store.ts';
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
  const ring = await openRing(config.keys);
  const stores = openStores(config);
  const catalog = await openSqliteCatalog({ path, clock, random });
  return {
    config,
    environment,
    user: await resolveUser(config.scratch.user, { signal }),
    runbooks,
    ring,
    stores,
    catalog: { ...catalog, leases: livingLeases(catalog.leases, processes) },
    processes,
    people: composedPeople(),
    clock,
    log,
    gate: notYet,
  };
}

export function openStores({ stores }: Config): ReadonlyMap<string, ObjectStore> {
  return new Map(Object.entries(stores).map(([name, store]) => [name, openStore(name, store)]));
}

function openStore(name: string, store: StoresSection[string]): ObjectStore {
  if (store.kind === 'directory') return directoryStore(store.path);
  throw new TypeError(`The store "${name}" is in a bucket: its part of the house is not built yet`);
}

/** @throws Problem KEY_* */
export async function openKeyRing(keys: KeysSection): Promise<KeyRing> {
  if (keys.kind === 'file') return await openFileKeyRing(keys.path);
  throw new TypeError(`The keys "${keys.name}" are in Secrets Manager: that part is not built yet`);
}

/** Without its key the house still opens: `status`, `runs` and `journal` need none. */
async function openRing(keys: KeysSection): Promise<KeyRing> {
  try {
    return await openKeyRing(keys);
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

export function random(): number {
  return randomInt(2 ** 32) / 2 ** 32;
}
