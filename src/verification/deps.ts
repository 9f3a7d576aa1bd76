/** What a proof is made of: `wire.ts` supplies it. */
import type { Catalog } from '../catalog/catalog.ts';
import type { ServerName } from '../kernel/ids.ts';
import type { Lsn } from '../kernel/lsn.ts';
import type { NamedStore, RecoveryDeps } from '../recovery/deps.ts';
import type { TiersOf } from './rota-facts.ts';

/** The parts of a server's config section that a proof needs; `config.servers` fits. */
export interface VerifiedServer {
  /** May hold a password. */
  readonly url: string;
  readonly databases?: readonly string[] | undefined;
  /** ISO 8601: what a report measures itself by. */
  readonly objectives?: { readonly rpo: string; readonly rto: string };
  readonly verification: {
    /** How many of the largest tables are compared. */
    readonly tables: number;
    /** ISO 8601: how old the latest transaction of the copy may be. */
    readonly max_age: string;
    readonly hash: 'none' | 'part' | 'all';
    /** How old a snapshot of production may become. */
    readonly snapshot_seconds: number;
    readonly lock_seconds: number;
    /** Sessions at once. */
    readonly parallel: number;
    /** A standby; may hold a password. */
    readonly read_from?: string | undefined;
    /** How long a proof point may take; 0: none is taken. */
    readonly proof_point_seconds: number;
    /** Whether each row is looked for in each index. Default: false. */
    readonly heap_all_indexed?: boolean;
  };
}

export interface StoredWalRequest {
  readonly server: ServerName;
  readonly store: NamedStore;
  readonly lsn: Lsn;
  /** Unique to this run. */
  readonly holder: string;
  readonly signal: AbortSignal;
}

export interface VerificationDeps {
  readonly recovery: RecoveryDeps;
  readonly servers: Readonly<Record<string, VerifiedServer>>;
  /** Without `findings` what a proof finds well again stays noticed. */
  readonly catalog: Pick<Catalog, 'backups' | 'walProgress'> &
    Partial<Pick<Catalog, 'findings'>> & {
      /** Earlier proofs, for what they did not get to. */
      readonly runs?: Pick<Catalog['runs'], 'list'>;
    };
  /** Which periods each backup stands for. Default: nobody removes any, so all stay. */
  readonly tiersOf?: TiersOf;
  /** When the clock asks for the next proof of the newest backup. */
  readonly nextProofAt?: (
    server: ServerName,
    now: Temporal.Instant,
  ) => Temporal.Instant | undefined;
  /** IANA zone whose days and months are said. Default: UTC. */
  readonly zone?: string;
  /**
   * Resolves when the log is stored up to `lsn`: waits for whoever archives, or archives meanwhile.
   *
   * @throws Problem when nobody can, or when it does not get there.
   */
  readonly untilStored: (request: StoredWalRequest) => Promise<void>;
}
