/**
 * How bytes leave and enter PostgreSQL. Engines know bytes: they never touch the catalogue, the
 * gate or Slack; capabilities record what an engine answers. Implementation: `streaming/`.
 */
import type { KeyRing } from '../encryption/key-ring.ts';
import type { BackupId, ServerName } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import type { Lsn } from '../kernel/lsn.ts';
import type { Problem } from '../kernel/problem.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { ProofPoint } from './proof-point.ts';

/** Which cluster's folder in a store: `<server>/<major>-<systemId>/`. */
export interface ClusterFolder {
  readonly server: ServerName;
  readonly major: number;
  readonly systemId: string;
}

/** What a backup's manifest says in plain, authenticated by its encrypted part. Plain JSON. */
export interface BackupSummary {
  readonly backupId: BackupId;
  readonly server: ServerName;
  readonly major: number;
  readonly systemId: string;
  readonly timeline: number;
  readonly segmentBytes: number;
  /** First position that replay needs (REDO of the backup's checkpoint). */
  readonly beginLsn: Lsn;
  /** Replay must pass it, else the copy is not consistent. */
  readonly endLsn: Lsn;
  /** RFC 3339, UTC. */
  readonly beganAt: string;
  readonly endedAt: string;
  readonly sourceBytes: number;
  readonly storedBytes: number;
  readonly files: number;
  readonly packs: number;
  readonly keyId: string;
  /** Files whose page checksums PostgreSQL reported as wrong: a damaged backup, kept apart. */
  readonly damagedFiles: readonly string[];
  /** Of those files the pages, as far as PostgreSQL named them: the first five of each. */
  readonly damagedBlocks?: Readonly<Record<string, readonly number[]>>;
  /**
   * What belongs to the server and is not in the backup: configuration outside of its data directory,
   * links and other special files. Undefined: our role may not see.
   */
  readonly leftOut?: readonly string[];
  /** Behind every position of its proof point: its own log goes on to there. Undefined: it has none. */
  readonly proofLsn?: Lsn;
}

export interface Progress {
  readonly doneBytes: number;
  /** Undefined: not known. */
  readonly totalBytes?: number;
}

export interface StoreAndKeys {
  readonly store: ObjectStore;
  readonly ring: KeyRing;
}

export interface BackupRequest extends StoreAndKeys {
  readonly server: ServerName;
  readonly backupId: BackupId;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  /**
   * Called once, when every byte was received and before the manifest is put; what it answers stands in
   * the manifest. Undefined: none could be taken. It must not throw for less than an abort; if it does,
   * the backup has none. Default: none.
   */
  readonly takeProofPoint?: (options: {
    /** What the manifest is going to say: the positions must be of the same cluster and timeline. */
    readonly summary: BackupSummary;
    readonly signal: AbortSignal;
  }) => Promise<ProofPoint | undefined>;
}

export interface RestoreFilesRequest extends StoreAndKeys {
  readonly summary: BackupSummary;
  /** An empty or absent directory; it becomes the data directory, with the source's permissions. */
  readonly directory: string;
  /**
   * Which files are wanted, by their path in the backup: `base/16384/16402`, a tablespace's
   * `pg_tblspc/16401/PG_15_…/…`. Little more than their own bytes is read then, and what is made is no
   * cluster unless `global/pg_control` is among them. Default: all of them.
   */
  readonly only?: (path: string) => boolean;
  /**
   * False: for a copy in a scratch place. Nothing is brought to the disk on purpose, and what was
   * written stays in the machine's cache for whoever looks. Default: true.
   */
  readonly durable?: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

export interface RestoredFiles {
  readonly files: number;
  readonly writtenBytes: number;
  /** Of packs. */
  readonly readBytes: number;
}

export interface Engine {
  /**
   * Takes a base backup; resolves when the manifest is committed. Aborting or failing leaves no
   * manifest; packs that were written are removed, or found by `sweepUnfinished()`.
   *
   * @throws Problem POSTGRES_* when the server refuses; STORAGE_*; KEY_*.
   */
  takeBackup(request: BackupRequest): Promise<BackupSummary>;

  /**
   * Backups that are committed, oldest first, of every cluster folder of `server`. Reads the plain
   * preambles and proves each by its encrypted part; one that does not decrypt is in `unreadable`.
   *
   * @throws Problem STORAGE_*; KEY_FILE_*, for a key file that cannot be read says nothing of a backup.
   */
  listBackups(
    request: StoreAndKeys & { readonly server: ServerName; readonly signal: AbortSignal },
  ): Promise<BackupListing>;

  /** Writes the backup's files, `pg_control` last, everything fsynced by default. Each frame is authenticated. */
  restoreFiles(request: RestoreFilesRequest): Promise<RestoredFiles>;

  /** Checks that every pack is there with the size the manifest says and that each one decrypts. */
  checkObjects(request: StoreAndKeys & CheckRequest): Promise<ObjectCheck>;

  /**
   * Removes packs of backups that have no manifest and are older than `olderThanMs`. What is locked, or
   * of a backup whose manifest cannot be looked for, stays, and is told once all others are gone.
   *
   * @throws Problem STORAGE_OBJECT_LOCKED with the fact `until`, where the store tells it; the first
   * other refusal of a removal ends it.
   */
  sweepUnfinished(
    request: StoreAndKeys & {
      readonly server: ServerName;
      /** Only this one's: what a dead run claimed. Default: of every backup. */
      readonly backupId?: BackupId;
      readonly signal: AbortSignal;
      readonly olderThanMs: number;
      readonly now: Temporal.Instant;
    },
  ): Promise<number>;
}

export interface CheckRequest {
  readonly summary: BackupSummary;
  readonly signal: AbortSignal;
  /** `first frame` of each pack is cheap; `all` reads and authenticates every byte. */
  readonly depth: 'first frame' | 'all';
}

export interface ObjectCheck {
  readonly packs: number;
  readonly readBytes: number;
  /** One sentence for each thing that is wrong; empty: all well. */
  readonly damage: readonly string[];
}

export interface BackupListing {
  readonly backups: readonly BackupSummary[];
  /** Manifests that are there but cannot be read or proved, with the reason. */
  readonly unreadable: readonly UnreadableBackup[];
}

export interface UnreadableBackup {
  readonly key: string;
  readonly reason: string;
  /** What the reason is the message of. */
  readonly problem?: Problem;
}
