/**
 * Where each file of a backup is restored to. Tablespaces go beside the data directory, into
 * `<directory>.tablespaces/<oid>`, never to where they stand on production; those that stood inside the
 * data directory stay inside. A path that would lead out of both is refused. Pure.
 */
import { isAbsolute, join } from 'node:path';

import type { FileEntry } from './file-list.ts';
import { damaged } from './pack-format.ts';

/** Written under another name, renamed when everything else is durable: without it nothing starts. */
const CONTROL = 'global/pg_control';
const CONTROL_UNFINISHED = 'global/pg_control.unfinished';
/** The links that it describes are made by us, to other places. */
const SKIPPED: ReadonlySet<string> = new Set(['tablespace_map']);

/** Its owner may do everything with a folder. */
const FOLDER_MODE = 0o700;
const PERMISSIONS = 0o777;

export interface RestorePlaces {
  readonly directory: string;
  readonly tablespaces: string;
  /** Folders to make, parents before children. */
  readonly folders: readonly PlacedFolder[];
  readonly files: ReadonlyMap<number, PlacedFile>;
  readonly links: readonly { readonly path: string; readonly target: string }[];
  /** Undefined: it is not among the files that are wanted. */
  readonly control: { readonly unfinished: string; readonly path: string } | undefined;
  readonly totalBytes: number;
}

export interface PlacedFolder {
  readonly path: string;
  readonly mode: number;
}

export interface PlacedFile extends PlacedFolder {
  readonly sizeBytes: number;
}

export interface PlaceRequest {
  /** Absolute. */
  readonly directory: string;
  /** Permissions of the data directory itself, and of folders that no entry tells of. Default 0700. */
  readonly directoryMode?: number;
  readonly entries: readonly FileEntry[];
  /** `path` is relative where the tablespace stands inside the data directory. */
  readonly tablespaces: readonly { readonly oid: number; readonly path: string }[];
  /** Which files are wanted, by their path in the backup. Default: all of them. */
  readonly only?: ((path: string) => boolean) | undefined;
  /** For messages. */
  readonly name: string;
}

/** @throws Problem BACKUP_DAMAGED when a path leads out of the directory or stands twice. */
export function placeFiles(request: PlaceRequest): RestorePlaces {
  const { directory, entries, name, only } = request;
  const plan = new Plan(request);
  for (const [index, entry] of entries.entries()) {
    // Links into tablespaces are made anew; the server sends no others.
    if (entry.kind === 'link' || SKIPPED.has(entry.path) || isTop(entry.path)) continue;
    if (only === undefined || (entry.kind === 'file' && only(entry.path))) plan.add(index, entry);
  }
  if (only === undefined && !plan.hasControl) throw damaged(name, `it has no "${CONTROL}"`);
  const { folders, files, links, totalBytes } = plan;
  return {
    directory,
    tablespaces: plan.beside,
    folders: [...folders].map(([path, mode]) => ({ path, mode })),
    files,
    links: [...links].map(([path, target]) => ({ path, target })),
    control: plan.hasControl
      ? { unfinished: join(directory, CONTROL_UNFINISHED), path: join(directory, CONTROL) }
      : undefined,
    totalBytes,
  };
}

class Plan {
  readonly beside: string;
  readonly folders = new Map<string, number>();
  readonly files = new Map<number, PlacedFile>();
  readonly links = new Map<string, string>();
  hasControl = false;
  totalBytes = 0;
  readonly #request: PlaceRequest;
  readonly #mode: number;
  /** Of those that do not stand inside the data directory. */
  readonly #far: ReadonlySet<string>;
  readonly #seen = new Set<string>();

  constructor(request: PlaceRequest) {
    const { directory, directoryMode = FOLDER_MODE, tablespaces, only } = request;
    this.#request = request;
    this.beside = `${directory}.tablespaces`;
    const far = tablespaces.filter(({ path }) => isAbsolute(path)).map(({ oid }) => String(oid));
    this.#far = new Set(far);
    this.#mode = permissions(directoryMode);
    this.folders.set(directory, this.#mode);
    // An empty tablespace has no files, and is needed all the same.
    if (only === undefined) for (const oid of far) this.#addTablespace(oid);
  }

  add(index: number, { path, kind, sizeBytes, mode }: FileEntry): void {
    const target = this.#place(path === CONTROL ? CONTROL_UNFINISHED : path);
    if (kind === 'file' && (this.#seen.has(target) || this.folders.has(target)))
      throw damaged(this.#request.name, `"${path}" stands in it twice`);
    this.#seen.add(target);
    this.#addFolders(path);
    if (kind === 'file') {
      this.files.set(index, { path: target, sizeBytes, mode: mode & PERMISSIONS });
      this.totalBytes += sizeBytes;
      if (path === CONTROL) this.hasControl = true;
    } else this.folders.set(target, permissions(mode));
  }

  #place(path: string): string {
    const { directory, name } = this.#request;
    const parts = path.split('/');
    if (path.includes('\0') || parts.some((part) => part === '' || part === '.' || part === '..'))
      throw damaged(name, `the path "${path}" leads out of the directory`);
    const [top, oid = ''] = parts;
    if (top !== 'pg_tblspc' || !this.#far.has(oid)) return join(directory, path);
    this.#addTablespace(oid);
    return join(this.beside, oid, ...parts.slice(2));
  }

  #addTablespace(oid: string): void {
    const { directory } = this.#request;
    const parent = join(directory, 'pg_tblspc');
    for (const folder of [parent, this.beside, join(this.beside, oid)])
      if (!this.folders.has(folder)) this.folders.set(folder, this.#mode);
    this.links.set(join(parent, oid), join(this.beside, oid));
  }

  /** Those above; what stands in the list of itself has its own permissions. */
  #addFolders(path: string): void {
    const parts = path.split('/');
    for (let count = 1; count < parts.length; count++) {
      const folder = this.#place(parts.slice(0, count).join('/'));
      if (!this.folders.has(folder)) this.folders.set(folder, this.#mode);
    }
  }
}

/** We must be able to write into it. */
function permissions(mode: number): number {
  return (mode & PERMISSIONS) | FOLDER_MODE;
}

/** The data directory itself, or a tablespace's: they are made anyway. */
function isTop(path: string): boolean {
  return path === '' || path === '.' || /^pg_tblspc\/\d+\/\.?$/.test(path);
}
