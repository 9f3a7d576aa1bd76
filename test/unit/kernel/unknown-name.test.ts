import { expect, test } from 'vitest';

import type { ProblemKind } from '../../../src/kernel/problem.ts';
import { unknownName, unknownServer } from '../../../src/kernel/unknown-name.ts';

const KIND: ProblemKind = { code: 'TOY_UNKNOWN', retry: 'never', hint: 'Look.', fault: 'request' };

test('an unknown name is told with what there is and the near one, a far one with the room’s hint', () => {
  const near = unknownServer(KIND, 'shpo', ['shop', 'bank']);
  const far = unknownName(KIND, { what: 'store', name: 'moon', known: ['here'] });

  expect([near.message, near.hint]).toEqual([
    'Cannot find a server "shpo": the config has shop, bank',
    'Did you mean `shop`?',
  ]);
  expect([far.message, far.hint]).toEqual([
    'Cannot find a store "moon": the config has here',
    'Look.',
  ]);
});

test('a server that nobody named is told with all there are', () => {
  expect(unknownServer(KIND, undefined, ['shop', 'bank']).message).toBe(
    'Cannot tell which server is meant: the config has shop, bank',
  );
});
