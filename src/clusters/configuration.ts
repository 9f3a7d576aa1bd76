/**
 * The whole configuration of a scratch cluster: what it may not do stands here. It listens nowhere,
 * archives nothing, follows nobody, subscribes to nothing, loads nothing. Pure.
 */
import { PLACE_FILES, type ScratchPlace, SOCKET_PORT } from './place.ts';
import type { ReplaySettings } from './replay-settings.ts';

export interface ConfigurationRequest {
  readonly place: ScratchPlace;
  readonly major: number;
  readonly settings: ReplaySettings;
  /** Recovery settings, such as `restore_command`. */
  readonly recovery: Readonly<Record<string, string>>;
  /** False for a copy that is only looked at: it is faster, and a crash loses it. */
  readonly durable: boolean;
}

/** The text of `postgresql.conf`. */
export function renderConfiguration(request: ConfigurationRequest): string {
  const lines = Object.entries({
    ...isolation(request.place, request.major),
    ...replay(request.settings),
    ...comfort(request.durable),
    ...request.recovery,
  });
  return `${lines.map(([name, value]) => `${name} = ${quoteSetting(value)}`).join('\n')}\n`;
}

/** `pg_hba.conf`: the socket folder has mode 0700, so whoever can reach the socket may enter. */
export const HOST_ACCESS = 'local all all trust\nlocal replication all reject\n';

/** A value of `postgresql.conf`, where backslashes and quotes are special. */
export function quoteSetting(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

function isolation(place: ScratchPlace, major: number): Record<string, string> {
  return {
    listen_addresses: '',
    port: String(SOCKET_PORT),
    // A list of names; the quotes keep commas and spaces of a path together.
    unix_socket_directories: `"${place.socketFolder}"`,
    unix_socket_permissions: '0700',
    hba_file: `${place.folder}/${PLACE_FILES.hostAccess}`,
    ident_file: `${place.folder}/${PLACE_FILES.identities}`,
    ssl: 'off',
    archive_mode: 'off',
    primary_conninfo: '',
    primary_slot_name: '',
    // A promoted copy's subscriptions consumed production's slot, and production lost a row for good.
    max_logical_replication_workers: '0',
    synchronous_standby_names: '',
    shared_preload_libraries: '',
    session_preload_libraries: '',
    local_preload_libraries: '',
    autovacuum: 'off',
    // Else it refuses to start where a tablespace stands inside the data directory.
    allow_in_place_tablespaces: 'on',
    ...(major >= 17 ? { event_triggers: 'off' } : {}),
  };
}

function replay(settings: ReplaySettings): Record<string, string> {
  return {
    hot_standby: 'on',
    wal_level: 'replica',
    max_connections: String(settings.maxConnections),
    max_worker_processes: String(settings.maxWorkerProcesses),
    max_wal_senders: String(settings.maxWalSenders),
    max_prepared_transactions: String(settings.maxPreparedTransactions),
    max_locks_per_transaction: String(settings.maxLocksPerTransaction),
  };
}

function comfort(durable: boolean): Record<string, string> {
  return {
    fsync: durable ? 'on' : 'off',
    full_page_writes: durable ? 'on' : 'off',
    synchronous_commit: durable ? 'on' : 'off',
    restart_after_crash: 'off',
    huge_pages: 'off',
    jit: 'off',
    shared_buffers: '128MB',
    // Its words are read by programs.
    lc_messages: 'C',
    log_destination: 'stderr',
    logging_collector: 'off',
    log_timezone: 'UTC',
    timezone: 'UTC',
    log_line_prefix: '%m [%p] ',
    log_min_messages: 'warning',
  };
}
