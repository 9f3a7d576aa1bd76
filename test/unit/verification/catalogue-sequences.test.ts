import { expect, test } from 'vitest';

import { type Lsn, toLsn } from '../../../src/kernel/lsn.ts';
import type {
  SequenceReading,
  SequenceState,
} from '../../../src/postgres/catalogue-reading-sequences.ts';
import { judgeSequences } from '../../../src/verification/catalogue-sequences.ts';

const AT = toLsn('0/5000000');
const EARLIER = toLsn('0/4000000');
const LATER = toLsn('0/6000000');

function sequence(last: bigint | null, more: Partial<SequenceState> = {}): SequenceState {
  const state = { name: 'ids', last, isReadable: true, increment: 1n, cycles: false };
  return { ...state, fileNode: '5001', ...more };
}

function reading(lsn: Lsn, state: SequenceState): SequenceReading {
  return { fromLsn: lsn, toLsn: lsn, sequences: [state] };
}

const SET_BACK = ' (a setval() back in between, overtaken since, would look the same)';

interface Case {
  readonly before?: SequenceState;
  readonly after?: SequenceState | undefined;
  readonly copy: SequenceState | undefined;
  readonly beforeLsn?: Lsn;
  readonly afterLsn?: Lsn;
}

function verdictOf({ before = sequence(59n), after, copy, ...at }: Case): string {
  const { verdict, detail } = judgeSequences({
    before: reading(at.beforeLsn ?? EARLIER, before),
    after: after === undefined ? undefined : reading(at.afterLsn ?? LATER, after),
    copy: copy === undefined ? [] : [copy],
    lsn: AT,
  });
  return `${verdict}: ${detail}`;
}

test('takes a copy that is ahead by what the log notes beforehand', () => {
  for (const last of [59n, 66n, 91n])
    expect(verdictOf({ after: sequence(59n), copy: sequence(last) })).toMatch(/^PASS: 1, each/);
});

test('fails a copy that is behind production, because it would give a number out twice', () => {
  expect(verdictOf({ after: sequence(60n), copy: sequence(58n) })).toBe(
    'FAIL: ids stands at 58, production had 59 before the position' + SET_BACK,
  );
});

test('fails a copy that is further ahead than the log can be', () => {
  expect(verdictOf({ after: sequence(60n), copy: sequence(93n) })).toBe(
    'FAIL: ids stands at 93, production could have reached 92 at most' + SET_BACK,
  );
});

test('knows no most when production was not asked again', () => {
  expect(verdictOf({ copy: sequence(5000n) })).toMatch(/^PASS/);
});

test('counts in steps, and downwards where the sequence does', () => {
  const down = { increment: -10n };
  const [before, after] = [sequence(-100n, down), sequence(-120n, down)];

  expect(verdictOf({ before, after, copy: sequence(-440n, down) })).toMatch(/^PASS/);
  expect(verdictOf({ before, after, copy: sequence(-450n, down) })).toMatch(/^FAIL.*-440 at most/);
  expect(verdictOf({ before, after, copy: sequence(-90n, down) })).toMatch(/^FAIL.*had -100/);
});

test('fails a copy that was never used where production has given numbers out', () => {
  expect(verdictOf({ after: sequence(60n), copy: sequence(null) })).toBe(
    'FAIL: ids was never used, production had 59 before the position' + SET_BACK,
  );
});

test('fails a copy that was used where production never was', () => {
  const unused = sequence(null);

  expect(verdictOf({ before: unused, after: unused, copy: sequence(33n) })).toMatch(/^FAIL/);
  expect(verdictOf({ before: unused, after: unused, copy: unused })).toMatch(/^PASS/);
  expect(verdictOf({ before: unused, after: sequence(3n), copy: sequence(33n) })).toMatch(/^PASS/);
});

test('judges by no reading that lies on the wrong side of the position', () => {
  const copy = sequence(10n);

  expect(verdictOf({ after: sequence(60n), copy, beforeLsn: LATER })).toMatch(
    /^PASS: 1, each at most/,
  );
  expect(verdictOf({ after: sequence(60n), copy, beforeLsn: LATER, afterLsn: EARLIER })).toBe(
    'SKIPPED: none had bounds to be judged by',
  );
});

test('does not judge one that cycles, was set back, or may not be read, and says so', () => {
  const copy = sequence(1n);
  const not = /not judged, for they cycle, .*: 1|none had bounds/;

  expect(verdictOf({ after: sequence(60n), copy: sequence(1n, { cycles: true }) })).toMatch(not);
  expect(verdictOf({ after: sequence(5n), copy })).toMatch(not);
  expect(verdictOf({ after: sequence(null, { isReadable: false }), copy })).toMatch(not);
  const locked = sequence(null, { isReadable: false });
  expect(verdictOf({ after: sequence(60n), copy: locked })).toMatch(not);
});

test('does not judge one that was restarted in between, which gives it another file', () => {
  const [first, second] = [{ fileNode: '5001' }, { fileNode: '5002' }];

  // Truncated with its table, and loaded again up to where it was.
  expect(
    verdictOf({
      before: sequence(10_000n, first),
      copy: sequence(5000n, second),
      after: sequence(10_000n, second),
    }),
  ).toMatch(/^SKIPPED/);
  expect(
    verdictOf({
      before: sequence(10_000n, first),
      copy: sequence(20_000n, first),
      after: sequence(11_000n, second),
    }),
  ).toMatch(/^SKIPPED/);
  expect(
    verdictOf({
      before: sequence(null, first),
      copy: sequence(40n, second),
      after: sequence(null, { fileNode: '5003' }),
    }),
  ).toMatch(/^SKIPPED/);
  expect(verdictOf({ before: sequence(10_000n, first), copy: sequence(5000n, second) })).toMatch(
    /^SKIPPED/,
  );
});

test('fails a copy that lacks a sequence which production had before and after', () => {
  const [there, another] = [sequence(60n), sequence(60n, { fileNode: '5002' })];

  expect(verdictOf({ after: there, copy: undefined })).toMatch(/^FAIL: ids is missing/);
  expect(verdictOf({ after: another, copy: undefined })).toMatch(/^SKIPPED/);
  expect(verdictOf({ copy: undefined })).toMatch(/^SKIPPED/);
});

test('says that there are none only where production has none either', () => {
  const none = { fromLsn: EARLIER, toLsn: EARLIER, sequences: [] };

  expect(judgeSequences({ before: none, after: undefined, copy: [], lsn: AT })).toEqual({
    verdict: 'PASS',
    detail: 'there are none',
  });
});
