/** What mirroring is given from above: which stores shall hold the same, and the means to make it so. */
import type { Catalog } from '../catalog/catalog.ts';
import type { KeyRing } from '../encryption/key-ring.ts';
import type { Engine } from '../engines/engine.ts';
import type { Clock } from '../kernel/clock.ts';
import type { ServerName } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { MirrorFeed } from './feed.ts';

export interface NamedStore {
  /** The store's name in the config. */
  readonly name: string;
  readonly store: ObjectStore;
}

export interface MirroredServer {
  readonly name: ServerName;
  /** Takes backups and log; the others are copies of it. */
  readonly first: NamedStore;
  readonly others: readonly NamedStore[];
}

export interface MirroringDeps {
  readonly mirrored: readonly MirroredServer[];
  readonly ring: KeyRing;
  readonly engine: Pick<Engine, 'checkObjects'>;
  readonly catalog: Pick<Catalog, 'backups' | 'walProgress' | 'findings' | 'leases'>;
  /** What the receiver in this process stores. */
  readonly feed: MirrorFeed;
  readonly clock: Clock;
  readonly log: Log;
}

/** From the first store to one of the others. */
export interface Route {
  readonly server: ServerName;
  readonly source: NamedStore;
  readonly target: NamedStore;
}

/** Only one process copies to a store at a time. */
export function mirrorLease({ server, target }: Route): string {
  return `mirror:${server}:${target.name}`;
}

export function routesOf({ name, first, others }: MirroredServer): readonly Route[] {
  return others.map((target) => ({ server: name, source: first, target }));
}
