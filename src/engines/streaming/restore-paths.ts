/**
 * Where each file of a backup is restored to. Tablespaces go beside the data directory, into
 * `<directory>.tablespaces/<oid>`, never to where they stand on production. A path that would lead
 * out of both is refused. Pure.
 */
import { join } from 'node:path';

import type { FileEntry } from './manifest.ts';
import { damaged } from './pack-format.ts';

/** Written under another name, renamed when everything else is durable: without it nothing starts. */
const CONTROL = 'global/pg_control';
const CONTROL_UNFINISHED = 'global/pg_control.unfinished';
/** The links that it describes are made by us, to other places. */
const SKIPPED: ReadonlySet<string> = new Set(['tablespace_map']);

export interface RestorePlaces {
  readonly directory: string;
  readonly tablespaces: string;
  /** Folders to make, parents before children. */
  readonly folders: readonly string[];
  readonly files: ReadonlyMap<number, PlacedFile>;
  readonly links: readonly { readonly path: string; readonly target: string }[];
  readonly control: { readonly unfinished: string; readonly path: string };
  readonly totalBytes: number;
}

export interface PlacedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly mode: number;
}

export interface PlaceRequest {
  /** Absolute. */
  readonly directory: string;
  readonly entries: readonly FileEntry[];
  readonly tablespaces: readonly { readonly oid: number }[];
  /** For messages. */
  readonly name: string;
}

/** @throws Problem BACKUP_DAMAGED when a path leads out of the directory or stands twice. */
export function placeFiles({ directory, entries, tablespaces, name }: PlaceRequest): RestorePlaces {
  const beside = `${directory}.tablespaces`;
  const folders = new Set<string>([directory]);
  const files = new Map<number, PlacedFile>();
  const seen = new Set<string>();
  let totalBytes = 0;

  function placed(path: string): string {
    const parts = path.split('/');
    if (path.includes('\0') || parts.some((part) => part === '' || part === '.' || part === '..'))
      throw damaged(name, `the path "${path}" leads out of the directory`);
    const oid = parts[0] === 'pg_tblspc' ? parts[1] : undefined;
    if (oid === undefined) return join(directory, path);
    if (!tablespaces.some((one) => String(one.oid) === oid))
      throw damaged(name, `the path "${path}" belongs to no tablespace`);
    return join(beside, oid, ...parts.slice(2));
  }

  if (tablespaces.length > 0) folders.add(beside);
  for (const { oid } of tablespaces) folders.add(join(beside, String(oid)));
  for (const [index, { path, kind, sizeBytes, mode }] of entries.entries()) {
    // Links into tablespaces are made anew; the server sends no others.
    if (kind === 'link' || SKIPPED.has(path) || isTop(path)) continue;
    const target = placed(path === CONTROL ? CONTROL_UNFINISHED : path);
    if (kind === 'file' && seen.has(target)) throw damaged(name, `"${path}" stands in it twice`);
    seen.add(target);
    addFolders(folders, path, (part) => placed(part), kind === 'directory');
    if (kind !== 'file') continue;
    files.set(index, { path: target, sizeBytes, mode });
    totalBytes += sizeBytes;
  }
  return {
    directory,
    tablespaces: beside,
    folders: [...folders],
    files,
    links: tablespaces.map(({ oid }) => ({
      path: join(directory, 'pg_tblspc', String(oid)),
      target: join(beside, String(oid)),
    })),
    control: { unfinished: join(directory, CONTROL_UNFINISHED), path: join(directory, CONTROL) },
    totalBytes,
  };
}

/** The data directory itself, or a tablespace's: they are made anyway. */
function isTop(path: string): boolean {
  return path === '' || path === '.' || /^pg_tblspc\/\d+(?:\/\.?)?$/.test(path);
}

function addFolders(
  folders: Set<string>,
  path: string,
  place: (path: string) => string,
  itself: boolean,
): void {
  const parts = path.split('/');
  const depth = itself ? parts.length : parts.length - 1;
  for (let count = 1; count <= depth; count++) folders.add(place(parts.slice(0, count).join('/')));
}
