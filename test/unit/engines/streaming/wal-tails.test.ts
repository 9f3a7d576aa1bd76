import { expect, test } from 'vitest';

import { TailStack } from '../../../../src/engines/streaming/wal-tails.ts';
import { objectKey } from '../../../support/object-keys.ts';

test('TailStack joins by threes, and what was joined by threes again', () => {
  const stack = new TailStack(3);
  const joins: string[] = [];

  for (let i = 0n; i < 12n; i++) {
    stack.add(tail(i, i + 1n));
    for (let due = stack.due(); due.length > 0; due = stack.due()) {
      const [from, to] = [due.at(0)?.from ?? 0n, due.at(-1)?.to ?? 0n];
      joins.push(`${due.length}: ${from}-${to}`);
      stack.joined(tail(from, to));
    }
  }

  expect(joins).toEqual(['3: 0-3', '3: 3-6', '3: 6-9', '3: 0-9', '3: 9-12']);
});

test('TailStack forgets the tails of a segment that is whole', () => {
  const stack = new TailStack(2);
  stack.add(tail(0n, 1n));

  stack.clear();
  stack.add(tail(1n, 2n));

  expect(stack.due()).toEqual([]);
});

function tail(from: bigint, to: bigint) {
  return { key: objectKey(`${from}-${to}`), from, to };
}
