/** What production did not say is no answer, and no answer is no PASS. */
import { expect, test } from 'vitest';

import { catalogueOf } from '../../../src/postgres/catalogue-reading.ts';
import { compareCatalogue } from '../../../src/verification/catalogue-checks.ts';
import type { ProductionCatalogue } from '../../../src/verification/catalogue-production.ts';
import { openCheckBook } from '../../../src/verification/checks.ts';
import { copyContext } from '../../support/copy-context.ts';

async function checksFor(
  production: ProductionCatalogue,
  isExact = true,
): Promise<readonly string[]> {
  const context = copyContext(() => {
    throw new Error('Nobody enters the copy');
  });
  const book = openCheckBook(context.clock, context.signal);
  await compareCatalogue(
    { book, context, database: 'shop', isOneOfMany: false, withShared: true, isExact },
    production,
  );
  return book.checks.map(({ check, verdict, detail }) => `${check} ${verdict}: ${detail}`);
}

test('compareCatalogue() cannot tell what production could not be read for', async () => {
  const failures = ['Cannot run a statement: permission denied'];

  expect(await checksFor({ failures })).toEqual(
    ['Catalogue', 'Roles and databases', 'Sequences'].map(
      (check) => `${check} ERROR: could not be told: ${failures[0] ?? ''}`,
    ),
  );
});

test('compareCatalogue() leaves out what production was not asked for', async () => {
  for (const line of await checksFor({ failures: [] }))
    expect(line).toMatch(/SKIPPED: not compared: production was not asked for it$/);
});

test('compareCatalogue() cannot tell by one reading that is not of the position', async () => {
  const failures = ['Cannot connect'];
  const objects = catalogueOf([]);

  const lines = await checksFor({ objects, shared: objects, failures }, false);

  expect(lines.map((line) => line.replace(/:.*/, ''))).toEqual([
    'Catalogue ERROR',
    'Roles and databases ERROR',
    'Sequences ERROR',
  ]);
});

test('compareCatalogue() says why a proof point has nothing to compare with', async () => {
  const skipped = 'the proof point has no catalogue to compare with: it was taken before';

  for (const line of await checksFor({ failures: [], skipped }))
    expect(line).toMatch(/ SKIPPED: the proof point has no catalogue to compare with: it was/);
});
