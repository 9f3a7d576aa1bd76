/**
 * Where one scratch cluster lives: plain data, decided before anything is made, so that it can be
 * written down first and taken back by whoever finds it later.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { Json } from '../kernel/codecs.ts';

/** Plain JSON. Everything teardown needs. */
export interface ScratchPlace {
  /** Ours alone: settings, spool, log, and the data directory unless that stands elsewhere. */
  readonly folder: string;
  readonly dataDirectory: string;
  /** Short, because the address of a unix socket holds about 100 bytes. */
  readonly socketFolder: string;
}

/** The socket is the only way in, so its port is the same everywhere. */
export const SOCKET_PORT = 5432;

/** `sockaddr_un` holds 104 bytes on macOS and 108 on Linux; `/.s.PGSQL.5432.lock` takes 19. */
const SOCKET_FOLDER_BYTES_MAX = 80;

export interface PlaceRequest {
  /** Absolute: the folder of all scratch clusters. */
  readonly root: string;
  /** Unique: the run's id. */
  readonly name: string;
  /** Absolute: the data directory stands here instead of inside the folder. */
  readonly into?: string | undefined;
}

export function planScratchPlace({ root, name, into }: PlaceRequest): ScratchPlace {
  const folder = join(root, name);
  const inside = join(folder, 'socket');
  const hash = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  return {
    folder,
    dataDirectory: into ?? join(folder, 'data'),
    socketFolder:
      Buffer.byteLength(inside) <= SOCKET_FOLDER_BYTES_MAX ? inside : `/tmp/dbdr-${hash}`,
  };
}

/** Where a restore puts tablespaces: beside the data directory. */
export function tablespacesOf({ dataDirectory }: ScratchPlace): string {
  return `${dataDirectory}.tablespaces`;
}

/** Files of ours inside the folder. */
export const PLACE_FILES = {
  configuration: 'postgresql.conf',
  hostAccess: 'pg_hba.conf',
  identities: 'pg_ident.conf',
  log: 'postgresql.log',
  /** Process id of the cluster, written the moment it is started. */
  process: 'postmaster',
  /** Its being there says that a data directory elsewhere was empty and is ours to remove. */
  owned: 'data-directory-is-ours',
} as const;

/**
 * Whether the data directory is ours: it stands in our folder, or our note says that it was empty before
 * us. Anything else may be somebody's living cluster that was named by mistake.
 */
export function isDataDirectoryOurs(place: ScratchPlace): boolean {
  if (dirname(place.dataDirectory) === place.folder) return true;
  return existsSync(join(place.folder, PLACE_FILES.owned));
}

/** Only what can be a place: teardown removes folders, so it must not believe everything. */
export function readScratchPlace(value: Json | undefined): ScratchPlace | undefined {
  if (typeof value !== 'object' || value === null || !('folder' in value)) return undefined;
  const { folder, dataDirectory, socketFolder } = value;
  if (!isDeepPath(folder) || !isDeepPath(dataDirectory) || !isDeepPath(socketFolder))
    return undefined;
  return { folder, dataDirectory, socketFolder };
}

/** Absolute, without dots, and not a folder that stands directly under the root. */
function isDeepPath(value: Json | undefined): value is string {
  if (typeof value !== 'string' || !value.startsWith('/')) return false;
  const parts = value.slice(1).split('/');
  return parts.length >= 2 && parts.every((part) => part !== '' && part !== '.' && part !== '..');
}

/** A libpq URL over the socket folder. */
export function scratchUrl(place: ScratchPlace, database: string, user: string): string {
  const query = new URLSearchParams({
    host: place.socketFolder,
    port: String(SOCKET_PORT),
    user,
  });
  return `postgres:///${encodeURIComponent(database)}?${query.toString()}`;
}

export function placeJson(place: ScratchPlace): { readonly [key: string]: Json } {
  return { ...place };
}
