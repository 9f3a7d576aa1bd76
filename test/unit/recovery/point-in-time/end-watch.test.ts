/** Tests of noticing the end of the readable log by what PostgreSQL asks for again and again. */
import { expect, test } from 'vitest';

import { toLsn } from '../../../../src/kernel/lsn.ts';
import { EndWatch } from '../../../../src/recovery/point-in-time/end-watch.ts';
import type { ReplayTarget } from '../../../../src/recovery/point-in-time/recovery-settings.ts';

const SEGMENT_BYTES = 16 * 1024 * 1024;
const FIRST = '000000010000000000000002';
const LAST = '000000010000000000000003';
const HERE = toLsn('0/3000100');
const latest: ReplayTarget = { kind: 'latest', asked: 'latest' };

interface Watched {
  readonly watch: EndWatch;
  readonly ask: (name: string, times?: number) => void;
}

function watched(target: ReplayTarget = latest): Watched {
  const asked = new Map<string, number>();
  const run = { timeline: 1, fromLsn: toLsn('0/2000000'), toLsn: toLsn('0/3000200') };
  const path = { ...run, runs: [run], missing: [], broken: false };
  const feed = { asked: () => asked };
  return {
    watch: new EndWatch({ feed, target, path, segmentBytes: SEGMENT_BYTES }),
    ask: (name, times = 1) => void asked.set(name, (asked.get(name) ?? 0) + times),
  };
}

test('sees() the end where the last file is asked for twice and nothing is replayed', () => {
  const { watch, ask } = watched();
  ask(LAST);

  const seen = [1, 2, 3].map(() => {
    const sees = watch.sees(HERE);
    ask(LAST);
    return sees;
  });

  expect(seen).toEqual([false, false, true]);
});

test('sees() no end as long as something is replayed in between', () => {
  const { watch, ask } = watched();

  for (const lsn of ['0/3000100', '0/3000120', '0/3000140']) {
    ask(LAST, 5);
    expect(watch.sees(toLsn(lsn))).toBe(false);
  }
});

test('sees(): a file that cannot be read on in before the last one is damage', () => {
  const { watch, ask } = watched();
  watch.sees(toLsn('0/2000100'));
  ask(FIRST, 2);

  expect(() => watch.sees(toLsn('0/2000100'))).toThrow(`WAL segment "${FIRST}"`);
});

test('sees(): short of where the copy had stood is told with both positions', () => {
  const { watch, ask } = watched({ kind: 'where it stood', lsn: toLsn('0/3000180') });
  watch.sees(HERE);
  ask(LAST, 2);

  expect(() => watch.sees(HERE)).toThrow(
    'back to 0/3000180, where it had stood: it goes no further than 0/3000100',
  );
});

test('seesUnasked() does not take what PostgreSQL reads twice at its start for the end', () => {
  const { watch, ask } = watched();
  watch.seesUnasked();
  ask(FIRST, 3);
  expect(watch.seesUnasked()).toBe(false);
  ask(FIRST, 3);
  expect(watch.seesUnasked()).toBe(false);
  ask(LAST);
  watch.seesUnasked();

  ask(LAST, 6);

  expect(watch.seesUnasked()).toBe(true);
});

test('seesUnasked(): a file before the last one that is asked for for ever is damage', () => {
  const { watch, ask } = watched();
  ask(FIRST);
  watch.seesUnasked();
  ask(FIRST, 6);

  expect(() => watch.seesUnasked()).toThrow('Cannot replay: PostgreSQL cannot read on');
});
