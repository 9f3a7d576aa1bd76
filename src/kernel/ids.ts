/** Identifiers of different things are different types; guards make them, never casts. */
import { randomBytes } from 'node:crypto';

/** A server's name in the config: lower case, digits, dashes; it becomes part of object names. */
export type ServerName = string & { readonly __brand: 'ServerName' };
/** `20261122T010000Z`: the UTC second the backup began. */
export type BackupId = string & { readonly __brand: 'BackupId' };
/** `r-20261122T010000-3fa9c1`: sorts by time, safe in file and schema names once dashes are replaced. */
export type RunId = string & { readonly __brand: 'RunId' };

export function isServerName(text: string): text is ServerName {
  return /^[a-z0-9][a-z0-9-]{0,39}$/.test(text);
}

export function isBackupId(text: string): text is BackupId {
  return /^\d{8}T\d{6}Z$/.test(text);
}

export function isRunId(text: string): text is RunId {
  return /^r-\d{8}T\d{6}-[0-9a-f]{6}$/.test(text);
}

/** Compact UTC to the second: `20261122T010000`. */
function compactSecond(at: Temporal.Instant): string {
  return at.toString({ smallestUnit: 'second' }).replaceAll(/[-:Z]/g, '');
}

export function backupIdAt(at: Temporal.Instant): BackupId {
  const id = `${compactSecond(at)}Z`;
  if (!isBackupId(id)) throw new TypeError(`Not a backup id: "${id}"`);
  return id;
}

export function newRunId(at: Temporal.Instant): RunId {
  const id = `r-${compactSecond(at)}-${randomBytes(3).toString('hex')}`;
  if (!isRunId(id)) throw new TypeError(`Not a run id: "${id}"`);
  return id;
}
