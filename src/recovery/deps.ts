/** What recovery is made of: `wire.ts` supplies it. */
import type { Catalog } from '../catalog/catalog.ts';
import type { RunRecord } from '../catalog/runs.ts';
import type { KeyRing } from '../encryption/key-ring.ts';
import type { Engine } from '../engines/engine.ts';
import type { WalArchive } from '../engines/wal-archive.ts';
import type { Clock } from '../kernel/clock.ts';
import type { RunId, ServerName } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import type { Programs } from '../postgres/programs.ts';
import type { ConnectOptions, Session } from '../postgres/session.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { ProgramUser } from '../subprocess/run.ts';
import type { Rates } from './point-in-time/forecast.ts';

export interface RecoveryServer {
  /** The production server; may hold a password. */
  readonly url: string;
  /** Whose tables are meant when nobody says; default: the one in `url`. */
  readonly databases?: readonly string[] | undefined;
}

export interface NamedStore {
  readonly name: string;
  readonly store: ObjectStore;
}

export interface ScratchOptions {
  /** Absolute: the folder of all scratch clusters. */
  readonly path: string;
  /** How long an instance stays. */
  readonly keepSeconds: number;
  /** Who runs PostgreSQL: `resolveUser(config.scratch.user)`; undefined: ourselves. */
  readonly user: ProgramUser | undefined;
}

export interface RecoveryDeps {
  readonly engine: Engine;
  readonly walArchive: WalArchive;
  readonly ring: KeyRing;
  /** In the order of the config, which decides where several would do. */
  readonly storesOf: (server: ServerName) => readonly NamedStore[];
  readonly servers: ReadonlyMap<ServerName, RecoveryServer>;
  /** Without `backups` and `findings` nothing is remembered of damage; without `leases` nobody removes. */
  readonly catalog: Pick<Catalog, 'walProgress' | 'instances'> &
    Partial<Pick<Catalog, 'backups' | 'findings' | 'leases'>>;
  /** A run by its id: `gate.find` or `catalog.runs.find`. */
  readonly findRun: (runId: RunId) => Promise<RunRecord | undefined>;
  readonly programsFor: (
    major: number,
    options: { readonly signal: AbortSignal },
  ) => Promise<Programs>;
  readonly connect: (url: string, options: ConnectOptions) => Promise<Session>;
  readonly scratch: ScratchOptions;
  readonly clock: Clock;
  readonly log: Log;
  /** What earlier restores measured here; undefined: a stated guess is used. */
  readonly measuredRates?: () => Promise<readonly Rates[]>;
}
