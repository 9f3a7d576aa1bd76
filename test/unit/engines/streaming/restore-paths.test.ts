import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { FileEntry } from '../../../../src/engines/streaming/manifest.ts';
import { placeFiles, type RestorePlaces } from '../../../../src/engines/streaming/restore-paths.ts';

function file(path: string, sizeBytes = 1): FileEntry {
  return { path, kind: 'file', sizeBytes, mode: 0o600, modifiedSeconds: 0 };
}

function folder(path: string): FileEntry {
  return { path, kind: 'directory', sizeBytes: 0, mode: 0o700, modifiedSeconds: 0 };
}

function place(entries: readonly FileEntry[], oids: readonly number[] = []): RestorePlaces {
  const tablespaces = oids.map((oid) => ({ oid }));
  return placeFiles({ directory: '/scratch/data', entries, tablespaces, name: 'manifest' });
}

describe('placeFiles()', () => {
  test('puts tablespaces beside the data directory, with links to them', () => {
    const places = place([folder('pg_tblspc'), file('pg_tblspc/16401/PG_15/5/16402', 7)], [16401]);

    expect(places.links).toEqual([
      { path: '/scratch/data/pg_tblspc/16401', target: '/scratch/data.tablespaces/16401' },
    ]);
    expect([...places.files.values()].map(({ path }) => path)).toEqual([
      '/scratch/data.tablespaces/16401/PG_15/5/16402',
    ]);
    expect(places.folders).toContain('/scratch/data.tablespaces/16401/PG_15/5');
    expect(places.totalBytes).toBe(7);
  });

  test('keeps `pg_control` under another name until the end, and leaves `tablespace_map` out', () => {
    const places = place([file('tablespace_map'), file('global/pg_control'), file('PG_VERSION')]);

    expect([...places.files].map(([index, { path }]) => [index, path])).toEqual([
      [1, '/scratch/data/global/pg_control.unfinished'],
      [2, '/scratch/data/PG_VERSION'],
    ]);
    expect(places.control.path).toBe('/scratch/data/global/pg_control');
  });

  test('makes folders before what is in them', () => {
    const { folders } = place([file('base/5/1'), folder('pg_wal/archive_status')]);

    const parents = folders.slice(1).map((one) => one.slice(0, one.lastIndexOf('/')));
    for (const [index, parent] of parents.entries())
      expect(folders.slice(0, index + 1)).toContain(parent);
    expect(folders).toContain('/scratch/data/pg_wal/archive_status');
  });

  test.each([
    '../evil',
    '/etc/cron.d/evil',
    'base/../../evil',
    'base//x',
    './../x',
    'base/./x',
    'a\0b',
    'pg_tblspc/16401/x',
    'pg_tblspc/../../x',
    'pg_tblspc/evil/x',
  ])('refuses the path "%s"', (path) => {
    expect(() => place([file(path)], [16_499])).toThrow(/Cannot use "manifest": the path/);
  });

  test('refuses a file that stands twice, under whatever name', () => {
    expect(() => place([file('base/1'), file('base/1')])).toThrow('twice');
    expect(() => place([file('global/pg_control'), file('global/pg_control.unfinished')])).toThrow(
      'twice',
    );
  });

  test('never leads out of its two folders, whatever the path', () => {
    const part = fc.constantFrom('..', '.', '', 'a', 'pg_tblspc', '7', '8', '/', 'b c', '\0');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        let placed: RestorePlaces;
        try {
          placed = place([file(parts.join('/'))], [7]);
        } catch {
          return;
        }
        for (const { path } of placed.files.values())
          expect(path).toMatch(/^\/scratch\/data(?:\.tablespaces\/7)?\/(?!\.\.)/);
      }),
    );
  });
});
