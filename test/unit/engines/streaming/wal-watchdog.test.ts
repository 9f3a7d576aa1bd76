import { expect, test } from 'vitest';

import { WAL_STORE_STALLED } from '../../../../src/engines/streaming/wal-problems.ts';
import { WalWatchdog } from '../../../../src/engines/streaming/wal-watchdog.ts';
import { isProblem, type ProblemKind } from '../../../../src/kernel/problem.ts';
import { CONNECTION_LOST } from '../../../../src/postgres/problems.ts';

function setUp(): { dog: WalWatchdog; pass: (ms: number) => void } {
  let nowMs = 0;
  const dog = new WalWatchdog({ elapsedMs: () => nowMs });
  return {
    dog,
    pass: (ms) => {
      nowMs += ms;
    },
  };
}

function bites(dog: WalWatchdog, kind: ProblemKind): boolean {
  try {
    dog.check();
    return false;
  } catch (error) {
    return isProblem(error, kind);
  }
}

test('is quiet while the server speaks and the store answers', async () => {
  const { dog, pass } = setUp();
  for (let minute = 0; minute < 10; minute++) {
    await dog.store(async () => pass(50_000));
    dog.heard();
    expect(() => dog.check()).not.toThrow();
  }
});

test('notices a server that is silent for more than a minute', () => {
  const { dog, pass } = setUp();
  pass(59_000);
  dog.check();
  pass(2000);

  expect(bites(dog, CONNECTION_LOST)).toBe(true);
});

test('notices one store that hangs, also when others answer', async () => {
  const { dog, pass } = setUp();
  void dog.store(() => new Promise(() => undefined));
  for (let at = 0; at < 4; at++) {
    await dog.store(async () => pass(50_000));
    dog.heard();
  }

  expect(bites(dog, WAL_STORE_STALLED)).toBe(true);
});
