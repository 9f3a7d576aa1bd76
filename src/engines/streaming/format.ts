/**
 * How base backups lie in a store, version 1. Below the cluster's folder `<server>/<major>-<system
 * identifier>/`:
 *
 * ```
 * base/<backupId>/pack-0001 …   an encrypted object (`encryption/format.ts`), its plain content:
 *                                 frames   back to back, each of at most 1 MiB of source that cuts no
 *                                          page of 8 KiB of a file: a zstd frame, or, when as many bytes are stored as plain ones, those bytes
 *                                          as they are
 *                                 footer   one zstd frame: JSON { "version": 1, "frames": [[stored
 *                                          bytes, plain bytes, [[file, offset, length], …]], …] }; a
 *                                          frame begins where the one before it ends; `file` is the
 *                                          line in the manifest's file list, counted from 0
 *                                 trailer  16 bytes: magic "DBPK", 4 bytes number of frames, 8 bytes
 *                                          length of the footer, big endian
 * base/<backupId>/manifest      written last: from then on the backup exists
 *     0    4   magic "DBMF"
 *     4    1   version: 1
 *     5    3   reserved: 0
 *     8    4   length n of the preamble, big endian
 *     12   n   preamble: canonical JSON of a BackupSummary, plain, so that listing needs no key
 *     12+n …   an encrypted object with the manifest's own name as identity; its plain content:
 *                0    4   length h of the head, big endian
 *                4    h   head: JSON (what ManifestHead describes), with the SHA-256 of bytes 0 to
 *                         12+n: a preamble is believed only when it agrees
 *                4+h  a   file list: one zstd frame, one JSON line for each entry: [path, kind, size in
 *                         bytes, mode, seconds since 1970]
 *                …    b   PostgreSQL's own backup_manifest: one zstd frame
 *                …    c   where the head says so, the catalogues of its proof point: one zstd frame, JSON
 * ```
 *
 * A tablespace's files stand in the list as `pg_tblspc/<oid>/…`. Nothing is ever overwritten. Packs
 * without a manifest belong to a backup that is running or did not end.
 */
import { type BackupId, isBackupId } from '../../kernel/ids.ts';
import { isObjectKey, type ObjectKey } from '../../storage/object-store.ts';
import type { ClusterFolder } from '../engine.ts';
import { clusterPrefix } from './wal-format.ts';

export const FORMAT_VERSION = 1;
/** Source bytes that are compressed together: one frame is what a range read costs at least. */
export const FRAME_BYTES = 1 << 20;
/** A frame never cuts such a page of a file: it ends before one that does not fit. */
export const FILE_PAGE_BYTES = 8192;
/** A pack is ended once it holds so many stored bytes: restoring threads take them in turns, and shall end together … */
export const PACK_BYTES_MAX = 64 << 20;
/** … or so many frames, because empty pages compress to almost nothing and footers are held in memory. */
export const PACK_FRAMES_MAX = 4096;

/** … or so many pieces of files: many little files make a footer long that is read in one go. */
export const PACK_EXTENTS_MAX = 16_384;

export function packName(number: number): string {
  return `pack-${String(number).padStart(4, '0')}`;
}

export function packKey(folder: ClusterFolder, backupId: BackupId, name: string): ObjectKey {
  return toKey(`${clusterPrefix(folder)}base/${backupId}/${name}`);
}

export function manifestKey(folder: ClusterFolder, backupId: BackupId): ObjectKey {
  return packKey(folder, backupId, 'manifest');
}

export interface BackupObject {
  readonly folder: string;
  readonly backupId: BackupId;
  readonly name: string;
}

/** What a key of a base backup says; undefined: it is something else. Pure. */
export function parseBackupKey(key: string): BackupObject | undefined {
  const [, folder = '', id = '', name = ''] =
    /^([^/]+\/\d+-\d+)\/base\/([^/]+)\/(manifest|pack-\d{4,})$/.exec(key) ?? [];
  return isBackupId(id) ? { folder, backupId: id, name } : undefined;
}

/** The second a backup's id names. Pure. */
export function backupIdInstant(id: BackupId): Temporal.Instant {
  const [, day = '', hour = '', minute = '', second = ''] =
    /^(\d{8})T(\d\d)(\d\d)(\d\d)Z$/.exec(id) ?? [];
  return Temporal.Instant.from(`${day}T${hour}:${minute}:${second}Z`);
}

function toKey(text: string): ObjectKey {
  if (!isObjectKey(text)) throw new TypeError(`Not a key: "${text}"`);
  return text;
}
