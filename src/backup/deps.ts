/** What this room is made of (`wire.ts` supplies it), and which server and store are meant. */
import type { Catalog } from '../catalog/catalog.ts';
import type { KeyRing } from '../encryption/key-ring.ts';
import type { BackupSummary, Engine } from '../engines/engine.ts';
import type { ProofPoint } from '../engines/proof-point.ts';
import type { WalArchive } from '../engines/wal-archive.ts';
import type { Run } from '../gate/operation.ts';
import type { Clock } from '../kernel/clock.ts';
import { isServerName, type ServerName } from '../kernel/ids.ts';
import type { Lsn } from '../kernel/lsn.ts';
import { unknownName, unknownServer } from '../kernel/unknown-name.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { SERVER_UNKNOWN, STORE_UNKNOWN } from './problems.ts';

export interface NamedStore {
  readonly name: string;
  readonly store: ObjectStore;
}

/** The part of a server's config section that backups need. */
export interface BackupServer {
  /** May hold a password. */
  readonly url: string;
  readonly archiving: {
    readonly tail_seconds: number;
    readonly allow_unbounded_slot?: boolean | undefined;
  };
  readonly verification?: {
    /** How long a proof point may take; 0: none is taken. */
    readonly proof_point_seconds?: number | undefined;
  };
}

/** What decides which period a backup stands for. */
export interface TieredBackup {
  readonly summary: {
    readonly systemId: string;
    readonly backupId: string;
    readonly beganAt: string;
    readonly damagedFiles: readonly string[];
  };
  readonly copies: readonly { readonly verified: { readonly verdict: string } | null }[];
}

export interface ProofPointRequest {
  /** Of the backup whose last byte has just been received. */
  readonly summary: BackupSummary;
  /** The first one: it gets the log. */
  readonly store: NamedStore;
  /** Resolves when the store has the log up to there. */
  readonly untilStored: (lsn: Lsn, options: { readonly signal: AbortSignal }) => Promise<void>;
  /** That takes the backup: what could outlive the process is claimed with it. */
  readonly run: Pick<Run, 'log' | 'claim' | 'release'>;
  readonly signal: AbortSignal;
}

export type TakenProofPoint =
  | { readonly outcome: 'taken'; readonly proofPoint: ProofPoint }
  /** `why` is a sentence without a stop. */
  | { readonly outcome: 'none'; readonly why: string };

export interface BackupDeps {
  readonly engine: Engine;
  /** In the order of the config; the first takes backups and WAL. */
  readonly storesOf: (server: ServerName) => readonly NamedStore[];
  readonly ring: KeyRing;
  readonly catalog: Pick<
    Catalog,
    | 'backups'
    | 'walProgress'
    | 'resources'
    | 'findings'
    | 'acknowledgements'
    | 'leases'
    | 'journal'
    | 'installation'
  >;
  readonly clock: Clock;
  readonly walArchive: WalArchive;
  /** Which periods each backup of a server stands for, by `<systemId>/<backupId>`. Default: none is told. */
  readonly tiersOf?: (
    server: ServerName,
    backups: readonly TieredBackup[],
  ) => ReadonlyMap<string, readonly string[]>;
  /** Default: backups have none. */
  readonly takeProofPoint?: ((request: ProofPointRequest) => Promise<TakenProofPoint>) | undefined;
  /** By name: the config's `servers` section. */
  readonly servers: Readonly<Record<string, BackupServer>>;
}

export function serverNames({ servers }: Pick<BackupDeps, 'servers'>): readonly ServerName[] {
  return Object.keys(servers).filter(isServerName);
}

/** The named server, or the only one. @throws Problem BACKUP_SERVER_UNKNOWN */
export function requireServer(
  deps: Pick<BackupDeps, 'servers'>,
  name: string | undefined,
): { readonly name: ServerName; readonly server: BackupServer } {
  const names = serverNames(deps);
  const meant = name ?? (names.length === 1 ? names[0] : undefined);
  const found = names.find((one) => one === meant);
  const server = found === undefined ? undefined : deps.servers[found];
  if (found !== undefined && server !== undefined) return { name: found, server };
  throw unknownServer(SERVER_UNKNOWN, name, names);
}

/** Every store of every server, each once. */
export function allStores(deps: BackupDeps): ReadonlyMap<string, ObjectStore> {
  const stores = serverNames(deps).flatMap((server) => deps.storesOf(server));
  return new Map(stores.map(({ name, store }) => [name, store]));
}

/** @throws Problem BACKUP_STORE_UNKNOWN */
export function requireStore(deps: BackupDeps, name: string): ObjectStore {
  const stores = allStores(deps);
  const store = stores.get(name);
  if (store !== undefined) return store;
  throw unknownName(STORE_UNKNOWN, { what: 'store', name, known: [...stores.keys()] });
}
