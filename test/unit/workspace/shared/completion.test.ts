/** Completion of slash commands. */
import { describe, expect, test } from 'vitest';

import { DBDR_COMMAND } from '../../../../src/workspace/options.ts';
import { completionsFor } from '../../../../src/workspace/shared/completion.ts';

function textsFor(typed: string): readonly string[] {
  return completionsFor(typed, [DBDR_COMMAND]).map(({ text }) => text);
}

describe('completionsFor()', () => {
  test('offers everything after the first letters of the command', () => {
    expect(textsFor('/db')).toHaveLength(DBDR_COMMAND.hints.length);
  });

  test('offers what goes on from what is typed', () => {
    expect(textsFor('/dbdr b')).toEqual(['/dbdr backup shop', '/dbdr backups shop']);
  });

  test('offers nothing for what is complete, unknown or no command', () => {
    expect(textsFor('/dbdr help')).toEqual([]);
    expect(textsFor('/nothing')).toEqual([]);
    expect(textsFor('hello')).toEqual([]);
  });
});
