/** The flags of the command line itself. */
import { describe, expect, test } from 'vitest';

import { commandOf, mendDashes, readPlain } from '../../../src/cli/globals.ts';

describe('commandOf()', () => {
  test('skips flags and their values', () => {
    expect(commandOf(['--config', 'x.yaml', '--json', 'status', 'shop'])).toBe('status');
    expect(commandOf(['--config=x.yaml', 'status'])).toBe('status');
    expect(commandOf(['--json'])).toBeUndefined();
  });
});

describe('mendDashes()', () => {
  test('turns the dashes of phones and autocorrect back', () => {
    expect(mendDashes(['restore', '—to', '14:46', '––json', '-'])).toEqual([
      'restore',
      '--to',
      '14:46',
      '--json',
      '-',
    ]);
  });
});

describe('readPlain()', () => {
  test('reads the config and the words', () => {
    expect(readPlain(['config', 'check', '--config', 'x.yaml', '--json'])).toEqual({
      words: ['config', 'check'],
      config: 'x.yaml',
    });
  });

  test('refuses an unknown flag with the near one', () => {
    expect(() => readPlain(['--jsn'])).toThrow(
      expect.objectContaining({ hint: 'Did you mean `--json`?' }),
    );
  });

  test('refuses a flag whose value is missing', () => {
    expect(() => readPlain(['config', '--config'])).toThrow('no file was named');
  });
});
