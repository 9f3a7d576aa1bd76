/** What people type, in Slack and at a terminal. */
import { describe, expect, test } from 'vitest';

import { createRegistry } from '../../../src/gate/registry.ts';
import { type CallerFlag, readWords } from '../../../src/gate/words.ts';
import { isProblem } from '../../../src/kernel/problem.ts';
import { toyOperation } from '../../support/toy-operation.ts';

const REGISTRY = createRegistry([toyOperation('restore', 'low'), toyOperation('status', 'none')]);
const FLAGS: readonly CallerFlag[] = [
  { name: 'json', kind: 'switch', describe: 'Print JSON' },
  { name: 'reason', kind: 'text', describe: 'Why' },
];
const OPTIONS = { prefix: '/dbdr', callerFlags: FLAGS };

function inputOf(words: string | readonly string[]): unknown {
  const read = readWords(REGISTRY, words, OPTIONS);
  if (read.outcome === 'help') throw new Error(read.text);
  return read.input;
}

function problemOf(words: string): { readonly message: string; readonly hint: string } {
  try {
    readWords(REGISTRY, words, OPTIONS);
  } catch (error) {
    if (isProblem(error)) return { message: error.message, hint: error.hint };
    throw error;
  }
  throw new Error('It was read');
}

describe('readWords()', () => {
  test('reads places, flags, comma lists, numbers and switches by the schema', () => {
    const line = 'restore shop --to 14:46 --tables orders,items --limit 5 --dry-run --kind fast';

    expect(inputOf(line)).toEqual({
      server: 'shop',
      to: '14:46',
      tables: ['orders', 'items'],
      limit: 5,
      dryRun: true,
      kind: 'fast',
    });
  });

  test('reads argv the same way as a line of text', () => {
    expect(inputOf(['restore', 'shop', '--to', '14:46', '--tables=a', '--tables=b'])).toEqual({
      server: 'shop',
      to: '14:46',
      tables: ['a', 'b'],
    });
  });

  test.each(['—to', '–to', '―to', '-–to', '--to'])('accepts "%s" for --to', (flag) => {
    expect(inputOf(`restore shop ${flag} 14:46`)).toEqual({ server: 'shop', to: '14:46' });
  });

  test.each(['“a b”', '"a b"', "'a b'", '‘a b’', '„a b“', '«a b»', '“a b"'])(
    'takes %s as one word, whatever the keyboard made of the quotes',
    (quoted) => {
      expect(inputOf(`restore shop --to ${quoted}`)).toEqual({ server: 'shop', to: 'a b' });
      expect(inputOf(`restore shop --to=${quoted}`)).toEqual({ server: 'shop', to: 'a b' });
    },
  );

  test('leaves an apostrophe inside a word alone', () => {
    expect(inputOf("restore o'brien's")).toEqual({ server: "o'brien's" });
  });

  test('joins a date and the time after it, because nobody quotes them', () => {
    expect(inputOf('restore shop --to 2026-11-22 14:46')).toEqual({
      server: 'shop',
      to: '2026-11-22 14:46',
    });
  });

  test('takes a place by its flag, too', () => {
    expect(inputOf('restore --server shop')).toEqual({ server: 'shop' });
  });

  test('leaves text that is no number to the schema', () => {
    expect(inputOf('restore shop --limit many')).toEqual({ server: 'shop', limit: 'many' });
  });

  test("hands over the caller's own flags, typed before or after the name", () => {
    const read = readWords(REGISTRY, '--json restore shop --reason "I must"', OPTIONS);

    expect(read).toEqual({
      outcome: 'ask',
      operation: 'restore',
      input: { server: 'shop' },
      caller: { json: true, reason: 'I must' },
    });
  });

  test('refuses an unknown operation with the one that was meant', () => {
    expect(problemOf('restroe shop')).toEqual({
      message: 'Cannot read "restroe": no such operation',
      hint: 'Did you mean `restore`?',
    });
  });

  test('refuses an unknown flag with the one that was meant', () => {
    const { message, hint } = problemOf('restore shop --tabels a');

    expect(message).toBe('Cannot read "restore": unknown option "--tabels"');
    expect(hint).toBe('Did you mean `--tables`?');
  });

  test('refuses a word too many instead of ignoring it', () => {
    expect(problemOf('restore shop orders').message).toContain('too many arguments');
  });

  test.each(['', 'help', '--help'])('answers "%s" with the list of operations', (line) => {
    const read = readWords(REGISTRY, line, OPTIONS);

    expect(read.outcome === 'help' && read.text).toContain('restore  Does restore');
  });

  test.each(['help restore', 'restore --help', 'restore shop -h'])(
    'answers "%s" with flags and examples',
    (line) => {
      const read = readWords(REGISTRY, line, OPTIONS);
      const text = read.outcome === 'help' ? read.text : '';

      expect(text).toContain('Usage: /dbdr restore [options] [server]');
      expect(text).toMatch(/--tables <A,B>\s+Which tables/);
      expect(text).toContain('/dbdr restore shop --to 14:46');
    },
  );
});
