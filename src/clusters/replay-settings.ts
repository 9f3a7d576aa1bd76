/**
 * The five settings that must be at least the primary's, or replay stops for ever. They stand in the
 * cluster's own control file, which replay keeps up to date when the primary changes them.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface ReplaySettings {
  readonly maxConnections: number;
  readonly maxWorkerProcesses: number;
  readonly maxWalSenders: number;
  readonly maxPreparedTransactions: number;
  readonly maxLocksPerTransaction: number;
}

/** PostgreSQL's own defaults. */
export const DEFAULT_REPLAY_SETTINGS: ReplaySettings = {
  maxConnections: 100,
  maxWorkerProcesses: 8,
  maxWalSenders: 10,
  maxPreparedTransactions: 0,
  maxLocksPerTransaction: 64,
};

/** The larger of each: more is harmless, less is not. */
export function largerSettings(a: ReplaySettings, b: ReplaySettings): ReplaySettings {
  return {
    maxConnections: Math.max(a.maxConnections, b.maxConnections),
    maxWorkerProcesses: Math.max(a.maxWorkerProcesses, b.maxWorkerProcesses),
    maxWalSenders: Math.max(a.maxWalSenders, b.maxWalSenders),
    maxPreparedTransactions: Math.max(a.maxPreparedTransactions, b.maxPreparedTransactions),
    maxLocksPerTransaction: Math.max(a.maxLocksPerTransaction, b.maxLocksPerTransaction),
  };
}

/** From names and values as `pg_settings` or a backup's manifest tells them. */
export function settingsFromText(settings: Readonly<Record<string, string>>): ReplaySettings {
  const d = DEFAULT_REPLAY_SETTINGS;
  return {
    maxConnections: whole(settings['max_connections'], d.maxConnections),
    maxWorkerProcesses: whole(settings['max_worker_processes'], d.maxWorkerProcesses),
    maxWalSenders: whole(settings['max_wal_senders'], d.maxWalSenders),
    maxPreparedTransactions: whole(
      settings['max_prepared_transactions'],
      d.maxPreparedTransactions,
    ),
    maxLocksPerTransaction: whole(settings['max_locks_per_transaction'], d.maxLocksPerTransaction),
  };
}

function whole(text: string | undefined, otherwise: number): number {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : otherwise;
}

/** `pg_control_version` of PostgreSQL 13 to 16, 17 and 18: what is read stands at the same place. */
const CONTROL_VERSIONS: ReadonlySet<number> = new Set([1300, 1700, 1800]);
// src/include/catalog/pg_control.h, ControlFileData: these five stand side by side.
const CONTROL_VERSION_AT = 8;
const MAX_CONNECTIONS_AT = 180;

/** What the control file says; undefined when its layout is not one we know. Pure. */
export function parseControlSettings(control: Buffer): ReplaySettings | undefined {
  if (control.length < 512) return undefined;
  if (!CONTROL_VERSIONS.has(control.readUInt32LE(CONTROL_VERSION_AT))) return undefined;
  const [connections, workers, senders, prepared, locks] = [0, 1, 2, 3, 4].map((index) =>
    control.readInt32LE(MAX_CONNECTIONS_AT + index * 4),
  );
  const found = {
    maxConnections: connections ?? 0,
    maxWorkerProcesses: workers ?? 0,
    maxWalSenders: senders ?? 0,
    maxPreparedTransactions: prepared ?? 0,
    maxLocksPerTransaction: locks ?? 0,
  };
  const sane = Object.values(found).every((value) => value >= 0 && value <= 1_000_000);
  return sane && found.maxConnections > 0 ? found : undefined;
}

export async function readControlSettings(
  dataDirectory: string,
): Promise<ReplaySettings | undefined> {
  const control = await readFile(join(dataDirectory, 'global', 'pg_control'));
  return parseControlSettings(control);
}
