/** The log: one JSON event per line, and no secret in it. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';

import { logInto, readLogLevel } from '../../../src/cli/log.ts';
import { Problem } from '../../../src/kernel/problem.ts';

const KIND = { code: 'X_Y', retry: 'later', hint: 'Try again.', fault: 'world' } as const;
const Line = z.looseObject({ level: z.string(), msg: z.string() });

function recordingLog() {
  const lines: string[] = [];
  return { lines, log: logInto('info', (line) => lines.push(line)) };
}

describe('the log', () => {
  test('writes a static message with its fields, and those of the log it was made from', () => {
    const { lines, log } = recordingLog();

    log.with({ run_id: 'r-1' }).warn('Something is odd', { bytes: 5n });
    log.debug('Nobody sees this');

    expect(lines).toHaveLength(1);
    expect(Line.parse(JSON.parse(lines[0] ?? ''))).toMatchObject({
      level: 'warn',
      msg: 'Something is odd',
      run_id: 'r-1',
      bytes: '5',
    });
  });

  test('hides secrets by name, and passwords inside any text, also in causes', () => {
    const { lines, log } = recordingLog();
    const cause = new Error('connect postgres://dbdr:hunter2@db/shop');
    const error = new Problem(KIND, 'Cannot connect', { cause });

    log.error('It failed', { code: 'X_Y', error, token: 'hunter2', deep: { password: 'hunter2' } });

    expect(lines.join('')).not.toContain('hunter2');
    expect(lines.join('')).toContain('"hint":"Try again."');
  });
});

test('readLogLevel() knows its levels', () => {
  expect(readLogLevel('debug')).toBe('debug');
  expect(readLogLevel('loud')).toBeUndefined();
});
