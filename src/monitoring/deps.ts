/** What monitoring is given from above. */
import type { Catalog } from '../catalog/catalog.ts';
import type { BackupRecord } from '../catalog/records.ts';
import type { KeyRing } from '../encryption/key-ring.ts';
import type { Clock } from '../kernel/clock.ts';
import type { ServerName } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';

export interface WatchedServer {
  readonly name: ServerName;
  readonly url: string;
  /** The first one counts: a backup is done when it has it. */
  readonly stores: readonly string[];
  readonly rpoSeconds: number;
  readonly rtoSeconds: number;
  /** So long without a PASS of the newest backup, and somebody is woken. */
  readonly alarmHours: number;
}

export interface MonitoringDeps {
  readonly servers: readonly WatchedServer[];
  readonly catalog: Pick<Catalog, 'backups' | 'walProgress' | 'findings' | 'runs'>;
  readonly clock: Clock;
  readonly log: Log;
  /** When its schedule last asked for a backup, at or before `now`; undefined: it has none. */
  readonly backupDueAt?: (
    server: ServerName,
    now: Temporal.Instant,
  ) => Temporal.Instant | undefined;
  /**
   * From when on every moment can be returned to, where older log is thinned out; undefined: nothing is
   * thinned out, so the oldest backup says it.
   */
  readonly windowFrom?: (
    server: ServerName,
    backups: readonly BackupRecord[],
    now: Temporal.Instant,
  ) => string | undefined;
  /** Throws at any touch where the key file cannot be read. */
  readonly ring?: Pick<KeyRing, 'keyIds'>;
}
