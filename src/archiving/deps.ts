/** What archiving is given from above: the servers it looks after, and the means to do it. */
import type { Catalog } from '../catalog/catalog.ts';
import type { KeyRing } from '../encryption/key-ring.ts';
import type { WalArchive, WalObjectStored, WalStored } from '../engines/wal-archive.ts';
import { type Bell, createBell } from '../kernel/bell.ts';
import type { Clock } from '../kernel/clock.ts';
import type { ServerName } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import { Problem } from '../kernel/problem.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { FollowWal } from './coverage.ts';
import { SERVER_UNKNOWN } from './problems.ts';

export interface OtherStore {
  /** Its name in the config. */
  readonly name: string;
  readonly store: ObjectStore;
}

/** What whoever stores the log of a server and whoever waits for it tell each other, within one process. */
export interface LogBells {
  /** Rung when more is stored. */
  readonly stored: Bell;
  /** Rung by whoever waits: the tail is stored now, and not when its time has come. */
  readonly wanted: Bell;
}

export function createLogBells(): LogBells {
  return { stored: createBell(), wanted: createBell() };
}

export interface ArchivingServer {
  readonly name: ServerName;
  readonly url: string;
  /** The store's name in the config. */
  readonly storeName: string;
  readonly store: ObjectStore;
  /** Copies of the first, which the slot waits for as long as they count. Default: none. */
  readonly otherStores?: readonly OtherStore[] | undefined;
  readonly ring: KeyRing;
  /** How long new bytes of the unfinished segment may wait before they are stored. */
  readonly tailSeconds: number;
  /** ISO 8601: every moment of so long back should be within reach. Default: all that backups are kept of. */
  readonly pitr?: string | undefined;
  /** Default: nobody is heard before the next look, and no tail is stored before its time. */
  readonly bells?: LogBells | undefined;
  /** The config says that its disk is watched: `archiving.allow_unbounded_slot`. */
  readonly allowUnboundedSlot?: boolean | undefined;
}

/** Who wants to hear in this process what has been stored; must not throw. */
export interface StoredListener {
  object(object: WalObjectStored): void;
  progress(stored: WalStored): void;
}

export interface ArchivingDeps {
  readonly catalog: Pick<
    Catalog,
    | 'walProgress'
    | 'resources'
    | 'findings'
    | 'acknowledgements'
    | 'leases'
    | 'backups'
    | 'journal'
    | 'installation'
  >;
  readonly clock: Clock;
  readonly log: Log;
  readonly listener?: StoredListener | undefined;
}

export interface ArchivingOperationDeps extends ArchivingDeps {
  readonly servers: readonly ArchivingServer[];
  readonly archive: Pick<WalArchive, 'inventory'>;
  readonly follow: FollowWal;
}

/** The named server, or the only one. @throws Problem ARCHIVING_SERVER_UNKNOWN */
export function requireServer(
  servers: readonly ArchivingServer[],
  name: string | undefined,
): ArchivingServer {
  const found =
    name === undefined
      ? servers.length === 1
        ? servers[0]
        : undefined
      : servers.find((server) => server.name === name);
  if (found !== undefined) return found;
  const known = servers.map((server) => server.name).join(', ');
  const asked = name === undefined ? 'which server is meant' : `a server "${name}"`;
  throw new Problem(SERVER_UNKNOWN, `Cannot tell ${asked}: the config has ${known}`, {
    facts: { known },
  });
}

/** Only one process archives a server at a time. */
export function archivingLease(server: ServerName): string {
  return `archiving:${server}`;
}
