import { expect, test } from 'vitest';

import { sayPreparedInCopy } from '../../../src/recovery/prepared-in-copy.ts';

const URL = 'postgres://here/shop';

test('a copy that cannot be asked for prepared transactions is told so, and stays', async () => {
  const { signal } = new AbortController();

  const words = await sayPreparedInCopy({ connect: refuse }, { url: URL }, { signal });

  expect(words).toEqual([
    'Whether the copy holds prepared transactions could not be told: too many clients already.',
  ]);
});

test('a cancelled restore is not taken for a copy that cannot be asked', async () => {
  const stop = new AbortController();
  stop.abort(new Error('stopped'));

  const asking = sayPreparedInCopy({ connect: refuse }, { url: URL }, { signal: stop.signal });

  await expect(asking).rejects.toThrow('stopped');
});

async function refuse(): Promise<never> {
  throw new Error('too many clients already');
}
