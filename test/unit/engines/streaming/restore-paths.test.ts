import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { FileEntry } from '../../../../src/engines/streaming/file-list.ts';
import {
  type PlaceRequest,
  placeFiles,
  type RestorePlaces,
} from '../../../../src/engines/streaming/restore-paths.ts';

function file(path: string, sizeBytes = 1): FileEntry {
  return { path, kind: 'file', sizeBytes, mode: 0o600, modifiedSeconds: 0 };
}

function folder(path: string): FileEntry {
  return { path, kind: 'directory', sizeBytes: 0, mode: 0o700, modifiedSeconds: 0 };
}

const CONTROL = file('global/pg_control', 8192);

function place(entries: readonly FileEntry[], more: Partial<PlaceRequest> = {}): RestorePlaces {
  const directory = '/scratch/data';
  return placeFiles({ directory, entries, tablespaces: [], name: 'manifest', ...more });
}

/** Two that stand elsewhere. */
const FAR = [
  { oid: 16_401, path: '/srv/far' },
  { oid: 7, path: '/srv/seven' },
];

function foldersOf({ folders }: RestorePlaces): readonly string[] {
  return folders.map(({ path }) => path);
}

describe('placeFiles()', () => {
  test('puts tablespaces beside the data directory, with links to them', () => {
    const entries = [folder('pg_tblspc'), file('pg_tblspc/16401/PG_15/5/16402', 7), CONTROL];
    const places = place(entries, { tablespaces: FAR });

    expect(places.links).toEqual([
      { path: '/scratch/data/pg_tblspc/16401', target: '/scratch/data.tablespaces/16401' },
      { path: '/scratch/data/pg_tblspc/7', target: '/scratch/data.tablespaces/7' },
    ]);
    expect([...places.files.values()].map(({ path }) => path)).toEqual([
      '/scratch/data.tablespaces/16401/PG_15/5/16402',
      '/scratch/data/global/pg_control.unfinished',
    ]);
    expect(foldersOf(places)).toContain('/scratch/data.tablespaces/16401/PG_15/5');
    expect(places.totalBytes).toBe(8199);
  });

  test.each([
    ['that the server names with a relative path', [{ oid: 16_401, path: 'pg_tblspc/16401' }]],
    ['of which the server says nothing', []],
  ])('keeps a tablespace inside the data directory %s', (_how, tablespaces) => {
    const entries = [folder('pg_tblspc/16401'), file('pg_tblspc/16401/PG_15/5/16402'), CONTROL];
    const places = place(entries, { tablespaces });

    expect(places.links).toEqual([]);
    expect(foldersOf(places)).toContain('/scratch/data/pg_tblspc/16401/PG_15/5');
    expect(places.files.get(1)?.path).toBe('/scratch/data/pg_tblspc/16401/PG_15/5/16402');
  });

  test('keeps `pg_control` under another name until the end, and leaves `tablespace_map` out', () => {
    const places = place([file('tablespace_map'), CONTROL, file('PG_VERSION')]);

    expect([...places.files].map(([index, { path }]) => [index, path])).toEqual([
      [1, '/scratch/data/global/pg_control.unfinished'],
      [2, '/scratch/data/PG_VERSION'],
    ]);
    expect(places.control?.path).toBe('/scratch/data/global/pg_control');
  });

  test('refuses a list without `pg_control`: what it gives would never start', () => {
    expect(() => place([file('PG_VERSION')])).toThrow('it has no "global/pg_control"');
  });

  test('makes folders before what is in them', () => {
    const places = place([file('base/5/1'), folder('pg_wal/archive_status'), CONTROL]);
    const folders = foldersOf(places);

    const parents = folders.slice(1).map((one) => one.slice(0, one.lastIndexOf('/')));
    for (const [index, parent] of parents.entries())
      expect(folders.slice(0, index + 1)).toContain(parent);
    expect(folders).toContain('/scratch/data/pg_wal/archive_status');
  });

  test('gives files and folders the permissions of the source, and can always write itself', () => {
    const entries = [
      { ...folder('base'), mode: 0o750 },
      { ...folder('odd'), mode: 0o050 },
      { ...file('base/1'), mode: 0o100640 },
      CONTROL,
    ];
    const places = place(entries, { directoryMode: 0o750 });

    expect(new Map(places.folders.map(({ path, mode }) => [path, mode]))).toEqual(
      new Map([
        ['/scratch/data', 0o750],
        ['/scratch/data/base', 0o750],
        ['/scratch/data/odd', 0o750],
        ['/scratch/data/global', 0o750],
      ]),
    );
    expect(places.files.get(2)?.mode).toBe(0o640);
  });

  test('takes only the files that are wanted, with what leads to them', () => {
    const entries = [folder('pg_wal'), file('base/5/1'), file('base/5/2', 9), CONTROL];
    const places = place(entries, { tablespaces: FAR, only: (path) => path === 'base/5/2' });

    expect([...places.files.keys()]).toEqual([2]);
    expect(foldersOf(places)).toEqual([
      '/scratch/data',
      '/scratch/data/base',
      '/scratch/data/base/5',
    ]);
    expect(places).toMatchObject({ links: [], control: undefined, totalBytes: 9 });
  });

  test.each([
    '../evil',
    '/etc/cron.d/evil',
    'base/../../evil',
    'base//x',
    './../x',
    'base/./x',
    'a\0b',
    'pg_tblspc/../../x',
    'pg_tblspc/7/../../x',
  ])('refuses the path "%s"', (path) => {
    expect(() => place([file(path), CONTROL], { tablespaces: FAR })).toThrow(
      /Cannot use "manifest": the path/,
    );
  });

  test('refuses a file that stands twice, under whatever name', () => {
    expect(() => place([file('base/1'), file('base/1')])).toThrow('twice');
    expect(() => place([CONTROL, file('global/pg_control.unfinished')])).toThrow('twice');
    expect(() => place([file('pg_tblspc/7'), CONTROL], { tablespaces: FAR })).toThrow('twice');
  });

  test('never leads out of its two folders, whatever the path', () => {
    const part = fc.constantFrom('..', '.', '', 'a', 'pg_tblspc', '7', '8', '/', 'b c', '\0');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        let placed: RestorePlaces;
        try {
          placed = place([file(parts.join('/')), CONTROL], { tablespaces: FAR });
        } catch {
          return;
        }
        for (const { path } of placed.files.values())
          expect(path).toMatch(/^\/scratch\/data(?:\.tablespaces\/7)?\/(?!\.\.)/);
      }),
    );
  });
});
