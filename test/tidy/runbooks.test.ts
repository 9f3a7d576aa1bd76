/** The pages for a bad day: they parse, and nothing in them or in `src/` names what does not exist. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { readRunbooks } from '../../src/runbooks/read-runbooks.ts';

const TOP = join(import.meta.dirname, '../..');
const BOOKS = await readRunbooks(join(TOP, 'runbooks'));

/** The operations this checkout promises. */
const OPERATIONS = new Set(
  'status backup backups wal verify restore forget rebuild runs cancel instances incident update journal config serve help'.split(
    ' ',
  ),
);

describe('the runbooks', () => {
  test('are there, and all follow the format', () => {
    expect(BOOKS.all.map(({ id }) => id).toSorted()).toEqual([
      'accidental-deletion',
      'point-in-time',
    ]);
  });

  test('are listed in their README', () => {
    const readme = readFileSync(join(TOP, 'runbooks/README.md'), 'utf8');

    expect(BOOKS.all.filter(({ file }) => !readme.includes(`](${file})`))).toEqual([]);
  });

  test('name only operations that exist, in step blocks and in commands', () => {
    const named = BOOKS.all.flatMap(({ steps }) =>
      steps.flatMap(({ block, command, prose }) => [
        ...(block === null ? [] : [block.operation]),
        ...[...`${command ?? ''} ${prose}`.matchAll(/npx dbdr ([a-z-]+)/g)].map(
          (match) => match[1] ?? '',
        ),
      ]),
    );

    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((name) => !OPERATIONS.has(name))).toEqual([]);
  });

  test('exist wherever a problem names one', () => {
    const named = globSync('src/**/*.ts', { cwd: TOP }).flatMap((path) =>
      [...readFileSync(join(TOP, path), 'utf8').matchAll(/runbook: '([^']+)'/g)].map((match) => ({
        path,
        file: match[1],
      })),
    );

    expect(named.length).toBeGreaterThan(0);
    expect(named.filter(({ file }) => !BOOKS.all.some((book) => book.file === file))).toEqual([]);
  });

  test('answer only codes that some problem has', () => {
    const codes = globSync('src/**/problems.ts', { cwd: TOP }).flatMap((path) =>
      [...readFileSync(join(TOP, path), 'utf8').matchAll(/code: '([A-Z0-9_]+)'/g)].map(
        (match) => match[1],
      ),
    );

    const answered = BOOKS.all.flatMap(({ answers }) => answers);

    expect(answered.filter((code) => !codes.includes(code))).toEqual([]);
  });
});
