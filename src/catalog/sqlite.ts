/**
 * The catalogue in one SQLite file: WAL mode, each commit on disk before it is answered, readable to
 * its owner only. Several processes may have it open; none waits for another synchronously.
 */
import type { Clock } from '../kernel/clock.ts';
import type { Catalog } from './catalog.ts';
import { openDatabase } from './sql/database.ts';
import { incidentRecords } from './sql/incidents.ts';
import { journalRecords } from './sql/journal.ts';
import { outboxRecords } from './sql/outbox.ts';
import {
  backupRecords,
  instanceRecords,
  resourceRecords,
  walProgressRecords,
} from './sql/records.ts';
import { runVerbs } from './sql/run-verbs.ts';
import {
  acknowledgementRecords,
  cursorRecords,
  findingRecords,
  installationRecords,
  leaseRecords,
  messageRecords,
  scheduleRecords,
} from './sql/small-records.ts';

export interface SqliteCatalogOptions {
  /** Its directory must exist. */
  readonly path: string;
  readonly clock: Clock;
  /** In [0, 1): spreads the waits of processes that meet at the lock. Default: the middle. */
  readonly random?: () => number;
}

/** @throws Problem CATALOG_UNREADABLE, CATALOG_TOO_NEW, CATALOG_BUSY */
export async function openSqliteCatalog(options: SqliteCatalogOptions): Promise<Catalog> {
  const { path, clock, random = () => 0.5 } = options;
  const database = await openDatabase({ path, clock, random });
  return {
    runs: runVerbs(database, clock),
    journal: journalRecords(database),
    backups: backupRecords(database),
    walProgress: walProgressRecords(database),
    instances: instanceRecords(database),
    resources: resourceRecords(database),
    incidents: incidentRecords(database),
    messages: messageRecords(database),
    cursors: cursorRecords(database),
    schedules: scheduleRecords(database),
    findings: findingRecords(database),
    acknowledgements: acknowledgementRecords(database),
    leases: leaseRecords(database),
    outbox: outboxRecords(database),
    installation: installationRecords(database),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}
