/** What this room is made of (`wire.ts` supplies it), and which server is meant. */
import type { Catalog } from '../catalog/catalog.ts';
import type { KeyRing } from '../encryption/key-ring.ts';
import type { Engine } from '../engines/engine.ts';
import type { Clock } from '../kernel/clock.ts';
import { isServerName, type ServerName } from '../kernel/ids.ts';
import { unknownServer } from '../kernel/unknown-name.ts';
import type { RetentionRules } from './facts.ts';
import type { NamedStore } from './hold-store.ts';
import { SERVER_UNKNOWN } from './problems.ts';

/** The part of a server's config section that retention needs. */
export interface RetentionServer {
  readonly retention: RetentionRules & {
    /** Whether the bot removes by itself after each backup. */
    readonly automatic: boolean;
  };
}

export interface RetentionDeps {
  readonly engine: Pick<Engine, 'listBackups' | 'sweepUnfinished'>;
  readonly ring: KeyRing;
  /** In the order of the config; the first takes backups and log. */
  readonly storesOf: (server: ServerName) => readonly NamedStore[];
  readonly servers: Readonly<Record<string, RetentionServer>>;
  /** Throws while another installation writes there: its readers and proofs cannot be seen from here. */
  readonly requireOwn?: (
    server: ServerName,
    first: NamedStore,
    options: { readonly signal: AbortSignal },
  ) => Promise<void>;
  /** IANA zone whose calendar days count. */
  readonly zone: string;
  readonly catalog: Pick<Catalog, 'backups' | 'runs' | 'leases' | 'findings'>;
  readonly clock: Clock;
}

export function serverNames({ servers }: Pick<RetentionDeps, 'servers'>): readonly ServerName[] {
  return Object.keys(servers).filter(isServerName);
}

/** The one that is named, or the only one. @throws Problem RETENTION_SERVER_UNKNOWN */
export function requireServer(
  deps: Pick<RetentionDeps, 'servers'>,
  name: string | undefined,
): { readonly name: ServerName; readonly server: RetentionServer } {
  const names = serverNames(deps);
  const meant = name ?? (names.length === 1 ? names[0] : undefined);
  const found = names.find((one) => one === meant);
  const server = found === undefined ? undefined : deps.servers[found];
  if (found !== undefined && server !== undefined) return { name: found, server };
  throw unknownServer(SERVER_UNKNOWN, name, names);
}
