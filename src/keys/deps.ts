/** What the room of keys is given from above: where keys are kept, and the stores that need them. */
import type { Catalog } from '../catalog/catalog.ts';
import type { KeyKeeper } from '../encryption/key-keeper.ts';
import type { KeyRing } from '../encryption/key-ring.ts';
import type { Clock } from '../kernel/clock.ts';
import type { ServerName } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import type { ObjectStore } from '../storage/object-store.ts';

export interface KeysDeps {
  readonly keeper: KeyKeeper;
  /** The one that everybody uses: told when a generation was added here. */
  readonly ring: KeyRing & {
    reload?(options: { readonly signal: AbortSignal }): Promise<void>;
  };
  readonly servers: readonly ServerName[];
  readonly storesOf: (
    server: ServerName,
  ) => readonly { readonly name: string; readonly store: ObjectStore }[];
  readonly catalog: Pick<Catalog, 'findings'>;
  readonly clock: Clock;
  readonly log: Log;
}
