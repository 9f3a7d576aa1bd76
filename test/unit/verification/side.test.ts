/** One part of a proof beside another. */
import { describe, expect, test } from 'vitest';

import { openCheckBook } from '../../../src/verification/checks.ts';
import { closeBook, openSide } from '../../../src/verification/side.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { testRun } from '../../support/test-run.ts';

describe('openSide()', () => {
  test('is stopped by itself, with its steps, and leaves the run and the other side alone', async () => {
    const run = testRun();
    const [one, other] = [openSide(run, fakeClock()), openSide(run, fakeClock())];
    const reason = new Error('nobody needs it');

    one.stop(reason);
    one.stop(new Error('too late'));

    expect(one.run.signal.reason).toBe(reason);
    await one.run.step('Count', async ({ signal }) => {
      expect(signal.reason).toBe(reason);
      return Promise.resolve();
    });
    expect([one.isStopped(), other.isStopped()]).toEqual([true, false]);
    expect([run.signal.aborted, other.run.signal.aborted]).toEqual([false, false]);
  });

  test('ends with its run, for the reason of the run', () => {
    const run = testRun();
    const side = openSide(run, fakeClock());

    run.controller.abort(new Error('cancelled'));

    expect(side.run.signal.reason).toMatchObject({ message: 'cancelled' });
    expect(side.isStopped()).toBe(false);
  });

  test('writes down nothing of a look that was stopped: it could neither tell nor not tell', async () => {
    const side = openSide(testRun(), fakeClock());

    const looking = side.book.look('Production', async () => {
      side.stop(new Error('nobody needs it'));
      return Promise.reject(new Error('the connection was closed'));
    });

    await expect(looking).rejects.toThrow('nobody needs it');
    expect(side.book.checks).toEqual([]);
  });
});

test('closeBook() keeps what a side has seen, with its seconds', () => {
  const { signal } = new AbortController();
  const [book, side] = [openCheckBook(fakeClock(), signal), openCheckBook(fakeClock(), signal)];
  side.note('Production', { verdict: 'PASS', detail: 'counted', seconds: 1.25 });

  closeBook(book, side);

  expect(book.checks).toEqual([
    { check: 'Production', verdict: 'PASS', detail: 'counted', seconds: 1.25 },
  ]);
});
