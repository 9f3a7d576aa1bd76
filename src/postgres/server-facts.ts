/** What a server says of itself: identity, positions, the settings that matter to us. */
import { type Lsn, toLsn } from '../kernel/lsn.ts';
import { Problem } from '../kernel/problem.ts';
import { PROTOCOL_UNEXPECTED, VERSION_TOO_OLD } from './problems.ts';
import type { ReplicationConnection } from './replication-connection.ts';
import type { Session } from './session.ts';

/** BASE_BACKUP's present framing and READ_REPLICATION_SLOT came with it. */
const OLDEST_MAJOR = 15;

export interface ServerIdentity {
  readonly major: number;
  /** Decimal text. */
  readonly systemId: string;
  readonly timeline: number;
  /** `wal_segment_size`. */
  readonly segmentBytes: number;
  /** How far the log was flushed (on a standby: received) when it answered. */
  readonly lsn: Lsn;
}

/** A standby that has less of any of them stops replaying for ever. */
export interface ReplaySettings {
  readonly max_connections: number;
  readonly max_worker_processes: number;
  readonly max_wal_senders: number;
  readonly max_prepared_transactions: number;
  readonly max_locks_per_transaction: number;
}

export interface ServerFacts extends ServerIdentity {
  /** `15.20 (Debian …)`. */
  readonly version: string;
  readonly inRecovery: boolean;
  readonly dataChecksums: boolean;
  /** `minimal`, `replica` or `logical`. */
  readonly walLevel: string;
  /** Undefined: a forgotten slot keeps WAL until the disk is full. */
  readonly slotKeepBytesMax: number | undefined;
  readonly synchronousStandbyNames: string;
  readonly archiveMode: string;
  readonly archiveCommand: string;
  /** Undefined: only superusers and members of pg_read_all_settings may see it. */
  readonly sharedPreloadLibraries: string | undefined;
  readonly replay: ReplaySettings;
}

/** Over a replication connection, which may be all that our role is allowed. */
export async function identifyServer(connection: ReplicationConnection): Promise<ServerIdentity> {
  const [system] = await connection.rows('IDENTIFY_SYSTEM');
  const [version] = await connection.rows('SHOW server_version_num');
  const [size] = await connection.rows('SHOW wal_segment_size');
  const major = Math.floor(Number(version?.[0] ?? 0) / 10_000);
  requireMajor(major);
  return {
    major,
    systemId: known(system?.[0]),
    timeline: Number(known(system?.[1])),
    segmentBytes: readSize(known(size?.[0])),
    lsn: toLsn(known(system?.[2])),
  };
}

/** @throws Problem POSTGRES_VERSION_TOO_OLD */
export async function readServerFacts(session: Session): Promise<ServerFacts> {
  const [row] = await session.query<FactsRow>(FACTS);
  const settings = await readSettings(session);
  const major = Math.floor(settings.whole('server_version_num') / 10_000);
  requireMajor(major);
  const keepMegabytes = settings.whole('max_slot_wal_keep_size');
  return {
    major,
    systemId: known(row?.system_id),
    timeline: row?.timeline ?? 1,
    segmentBytes: settings.whole('wal_segment_size'),
    lsn: toLsn(known(row?.lsn)),
    version: settings.text('server_version'),
    inRecovery: row?.in_recovery ?? false,
    dataChecksums: settings.text('data_checksums') === 'on',
    walLevel: settings.text('wal_level'),
    slotKeepBytesMax: keepMegabytes < 0 ? undefined : keepMegabytes * 1024 * 1024,
    synchronousStandbyNames: settings.text('synchronous_standby_names'),
    archiveMode: settings.text('archive_mode'),
    archiveCommand: settings.text('archive_command'),
    sharedPreloadLibraries: settings.visible('shared_preload_libraries'),
    replay: {
      max_connections: settings.whole('max_connections'),
      max_worker_processes: settings.whole('max_worker_processes'),
      max_wal_senders: settings.whole('max_wal_senders'),
      max_prepared_transactions: settings.whole('max_prepared_transactions'),
      max_locks_per_transaction: settings.whole('max_locks_per_transaction'),
    },
  };
}

/** Whether a tablespace stands inside the data directory: a developer's option makes it so. */
export async function hasTablespacesInPlace(session: Session): Promise<boolean> {
  const rows = await session.query(
    `SELECT 1 FROM pg_tablespace
      WHERE spcname NOT IN ('pg_default', 'pg_global') AND pg_tablespace_location(oid) NOT LIKE '/%'`,
  );
  return rows.length > 0;
}

interface FactsRow {
  readonly system_id: string;
  readonly timeline: number;
  readonly lsn: string;
  readonly in_recovery: boolean;
}

const CURRENT_LSN = `CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                          ELSE pg_current_wal_flush_lsn() END`;

/** The control file knows a promotion only after the next checkpoint; a file name knows it at once. */
const FACTS = `
  SELECT s.system_identifier::text AS system_id,
         CASE WHEN pg_is_in_recovery() THEN c.timeline_id
              ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int4
         END AS timeline,
         (${CURRENT_LSN})::text AS lsn,
         pg_is_in_recovery() AS in_recovery
    FROM pg_control_system() s, pg_control_checkpoint() c`;

interface Settings {
  visible(name: string): string | undefined;
  text(name: string): string;
  whole(name: string): number;
}

/** `pg_settings` gives plain numbers, in the unit of the setting; segment size in bytes. */
async function readSettings(session: Session): Promise<Settings> {
  const rows = await session.query<{ name: string; setting: string | null }>(
    'SELECT name, setting FROM pg_settings WHERE name = ANY($1)',
    [SETTINGS],
  );
  const values = new Map(rows.map(({ name, setting }) => [name, setting ?? '']));
  function text(name: string): string {
    return known(values.get(name));
  }
  return {
    text,
    visible: (name) => values.get(name),
    whole: (name) => Number(text(name)),
  };
}

const SETTINGS = [
  'server_version',
  'server_version_num',
  'wal_segment_size',
  'wal_level',
  'data_checksums',
  'max_slot_wal_keep_size',
  'synchronous_standby_names',
  'archive_mode',
  'archive_command',
  'shared_preload_libraries',
  'max_connections',
  'max_worker_processes',
  'max_wal_senders',
  'max_prepared_transactions',
  'max_locks_per_transaction',
];

function requireMajor(major: number): void {
  if (major >= OLDEST_MAJOR) return;
  throw new Problem(
    VERSION_TOO_OLD,
    `Cannot look after PostgreSQL ${major}: ${OLDEST_MAJOR} or newer is needed`,
    { facts: { major } },
  );
}

/** `16MB`, as SHOW writes it. */
function readSize(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+)(B|kB|MB|GB)$/.exec(text) ?? [];
  return Number(digits) * 1024 ** ['B', 'kB', 'MB', 'GB'].indexOf(unit);
}

function known(value: string | null | undefined): string {
  if (typeof value === 'string') return value;
  throw new Problem(PROTOCOL_UNEXPECTED, 'Cannot read the facts of the server: one is missing');
}
