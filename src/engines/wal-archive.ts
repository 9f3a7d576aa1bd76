/**
 * Stored WAL as the rest of the house sees it: what is there, whether anything is missing, and how
 * to get a file of it back. Implementation: `streaming/wal-store.ts`.
 */
import type { ServerName } from '../kernel/ids.ts';
import type { Lsn } from '../kernel/lsn.ts';
import type { SegmentName } from '../kernel/wal-name.ts';
import type { ObjectKey } from '../storage/object-store.ts';
import type { ClusterFolder, StoreAndKeys } from './engine.ts';

/** An unbroken run of stored WAL on one timeline; `toLsn` counts the tail. */
export interface WalRun {
  readonly timeline: number;
  readonly fromLsn: Lsn;
  readonly toLsn: Lsn;
}

/** Log on that timeline and on earlier ones, before that position, was thinned out on purpose. */
export interface WalThinned {
  readonly timeline: number;
  readonly lsn: Lsn;
}

/** Where a timeline was left for a newer one. */
export interface WalFork {
  /** The newer one. */
  readonly timeline: number;
  readonly parent: number;
  readonly lsn: Lsn;
}

export interface WalInventory {
  /** Runs by timeline, then position; two runs on one timeline have a hole between them. */
  readonly runs: readonly WalRun[];
  /** Whole segments that are missing between two runs, by name; what was thinned out is not missing. */
  readonly missing: readonly SegmentName[];
  /** Segments with two contents: nobody can tell which is true, so they cover nothing. Default: none. */
  readonly conflicts?: readonly SegmentName[];
  /** Keyed hashes of what is stored under each segment's name. Default: nobody asked. */
  readonly contents?: ReadonlyMap<SegmentName, readonly string[]>;
  /** Names of history files that are stored. */
  readonly histories: readonly string[];
  /** What they say; one that cannot be read says nothing. Default: nobody has read them. */
  readonly forks?: readonly WalFork[];
  /** Default: nothing was thinned out. */
  readonly thinned?: readonly WalThinned[];
  readonly segments: number;
  readonly storedBytes: number;
}

export interface WalArchive {
  inventory(
    request: StoreAndKeys & {
      readonly folder: ClusterFolder;
      readonly segmentBytes: number;
      /** Only what touches it is looked for, and no history: cheap however much log is stored. */
      readonly range?: WalRun;
      /** Also `contents`, which takes memory for each segment. */
      readonly withContents?: boolean;
      readonly signal: AbortSignal;
    },
  ): Promise<WalInventory>;

  /**
   * The WAL file PostgreSQL asks for: decrypted, decompressed, content checked against its name. An
   * unfinished segment, joined from tails, is as long as what is stored of it: shorter than a whole one.
   * The memory is the caller's.
   *
   * Undefined: no such file is stored, which is the true end of the log for a segment.
   * @throws Problem WAL_DAMAGED when it is stored and cannot be trusted; STORAGE_* when it cannot be read.
   */
  read(
    request: StoreAndKeys & {
      readonly folder: ClusterFolder;
      readonly segmentBytes: number;
      readonly name: SegmentName | `${string}.history`;
      /** A segment large: the answer may be a part of it, and until then nobody else may use it. */
      readonly into?: Buffer | undefined;
      readonly signal: AbortSignal;
    },
  ): Promise<Buffer | undefined>;
}

/** What the receiver tells of itself whenever something was stored. Plain JSON. */
export interface WalStored {
  readonly server: ServerName;
  readonly systemId: string;
  readonly timeline: number;
  /** Everything before it is durable in the store. */
  readonly storedLsn: Lsn;
  /** The newest position the server told of, RFC 3339 of when it told. */
  readonly serverLsn: Lsn;
  readonly at: string;
}

/** An object of the log that is durable in the store: written just now, or found there. Plain JSON. */
export interface WalObjectStored {
  readonly server: ServerName;
  readonly systemId: string;
  readonly timeline: number;
  readonly key: ObjectKey;
  readonly kind: 'segment' | 'tail' | 'history';
  /** What of the log it holds; undefined: it is a history file. */
  readonly range?: { readonly from: Lsn; readonly to: Lsn };
  /** Tails that this one holds, and that go now that it is durable. */
  readonly supersedes?: readonly ObjectKey[];
}
