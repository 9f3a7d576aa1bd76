/** How a copy is entered, and which of its databases must open. */
import { expect, test } from 'vitest';

import { databaseNames, enter, openEveryDatabase } from '../../../src/verification/copy-checks.ts';
import { copyContext, talkingSession } from '../../support/copy-context.ts';

const DATABASES = [
  { name: 'half', isHalfDropped: true },
  { name: 'shop', isHalfDropped: false },
];

test('openEveryDatabase() enters none that a DROP DATABASE left half, and says so', async () => {
  const urls: string[] = [];
  const context = copyContext((url) => {
    urls.push(url);
    return talkingSession((sql) => (sql.includes('pg_database') ? DATABASES : []));
  });

  const seen = await openEveryDatabase(context);

  expect(seen).toEqual({
    verdict: 'PASS',
    detail: 'shop opened as postgres; a DROP DATABASE that was cut short in production left: half',
  });
  expect(urls.filter((url) => url.includes('/half'))).toEqual([]);
  expect(await databaseNames(context)).toEqual(['shop']);
});

test("enter() asks for none of production's libraries, whatever a database or role sets", async () => {
  const urls: string[] = [];
  const context = copyContext((url) => {
    urls.push(url);
    return talkingSession(() => []);
  });

  await enter(context, 'shop');

  expect(urls.map((url) => new URL(url).searchParams.get('options'))).toEqual([
    '-c session_preload_libraries= -c local_preload_libraries=',
  ]);
});
