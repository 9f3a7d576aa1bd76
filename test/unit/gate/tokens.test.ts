/** From a line to words, whatever the keyboard made of it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { mendTokens, splitLine } from '../../../src/gate/tokens.ts';

describe('splitLine()', () => {
  test('keeps a quote that never ends as a letter', () => {
    expect(splitLine('say "hello there')).toEqual(['say', '"hello', 'there']);
  });

  test('keeps an empty quoted word, because it was typed', () => {
    expect(splitLine('a "" b')).toEqual(['a', '', 'b']);
  });

  test('reads back what was quoted', () => {
    const word = fc.string().filter((text) => !/["“”„]/.test(text));
    fc.assert(
      fc.property(fc.array(word), (words) => {
        const line = words.map((text) => `"${text}"`).join(' ');

        expect(splitLine(line)).toEqual(words);
      }),
    );
  });
});

describe('mendTokens()', () => {
  test('leaves a dash that is a value alone', () => {
    expect(mendTokens(['—', '–5', '-1', 'a—b'])).toEqual(['—', '–5', '-1', 'a—b']);
  });

  test('joins a date with the time after it only when it is a time', () => {
    expect(mendTokens(['--to=2026-11-22', '9:05', '2026-11-22', 'shop'])).toEqual([
      '--to=2026-11-22 9:05',
      '2026-11-22',
      'shop',
    ]);
  });
});
