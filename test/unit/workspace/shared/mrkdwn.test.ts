/** Slack's mrkdwn becomes a tree, and nothing in it becomes markup. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { type Inline, parseInline, parseMrkdwn } from '../../../../src/workspace/shared/mrkdwn.ts';

/** The words a reader sees. */
function wordsOf(inlines: readonly Inline[]): string {
  return inlines
    .map((inline) => {
      if ('children' in inline) return wordsOf(inline.children);
      return 'text' in inline ? inline.text : '';
    })
    .join('');
}

describe('parseInline()', () => {
  test('reads bold, italics, strike and code', () => {
    expect(parseInline('*a* _b_ ~c~ `d`')).toEqual([
      { kind: 'bold', children: [{ kind: 'text', text: 'a' }] },
      { kind: 'text', text: ' ' },
      { kind: 'italic', children: [{ kind: 'text', text: 'b' }] },
      { kind: 'text', text: ' ' },
      { kind: 'strike', children: [{ kind: 'text', text: 'c' }] },
      { kind: 'text', text: ' ' },
      { kind: 'code', text: 'd' },
    ]);
  });

  test.each(['2 * 3 * 4', 'snake_case_name', 'a*b*c', '* not bold *', 'lonely *star', '``'])(
    'leaves %s as it is typed',
    (text) => {
      expect(parseInline(text)).toEqual([{ kind: 'text', text }]);
    },
  );

  test('reads marks inside marks, and none inside code', () => {
    expect(parseInline('*a _b_*')).toEqual([
      {
        kind: 'bold',
        children: [
          { kind: 'text', text: 'a ' },
          { kind: 'italic', children: [{ kind: 'text', text: 'b' }] },
        ],
      },
    ]);
    expect(parseInline('`*a*`')).toEqual([{ kind: 'code', text: '*a*' }]);
  });

  test('reads mentions of people, channels, groups and everybody', () => {
    expect(parseInline('<@U1> <#C1|ops> <!subteam^S1|@dba> <!here>')).toEqual([
      { kind: 'user', id: 'U1', label: '' },
      { kind: 'text', text: ' ' },
      { kind: 'channel', id: 'C1', label: 'ops' },
      { kind: 'text', text: ' ' },
      { kind: 'group', id: 'S1', label: '@dba' },
      { kind: 'text', text: ' ' },
      { kind: 'broadcast', name: 'here' },
    ]);
  });

  test('reads dates with their format and fallback', () => {
    expect(parseInline('<!date^1795531351^{date_num} {time}|then>')).toEqual([
      {
        kind: 'date',
        epochSeconds: 1_795_531_351,
        format: '{date_num} {time}',
        fallback: 'then',
      },
    ]);
  });

  test('links to http and mailto alone, so that no script hides behind a word', () => {
    expect(parseInline('<https://example.org|here>')).toEqual([
      { kind: 'link', url: 'https://example.org', label: 'here' },
    ]);
    expect(parseInline('<javascript:alert(1)|here>')).toEqual([
      { kind: 'text', text: '<javascript:alert(1)|here>' },
    ]);
  });

  test('links a bare address without the stop behind it', () => {
    expect(parseInline('see https://example.org/a.')).toEqual([
      { kind: 'text', text: 'see ' },
      { kind: 'link', url: 'https://example.org/a', label: 'https://example.org/a' },
      { kind: 'text', text: '.' },
    ]);
  });

  test('gives back the three escaped characters as text', () => {
    expect(parseInline('&lt;b&gt; &amp;amp;')).toEqual([{ kind: 'text', text: '<b> &amp;' }]);
  });

  test('never loses a letter of plain words', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-zA-Z0-9 .,!?äöü-]*$/), (text) => {
        expect(wordsOf(parseInline(text))).toBe(text);
      }),
    );
  });

  test('ends for every text there is', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[*_~`<>|@#!&;a \n]*$/), (text) => {
        expect(Array.isArray(parseMrkdwn(text))).toBe(true);
      }),
    );
  });
});

describe('parseMrkdwn()', () => {
  test('reads code blocks, and nothing inside them', () => {
    expect(parseMrkdwn('before\n```\nSELECT *\nFROM a_b_c;\n```\nafter')).toEqual([
      { kind: 'paragraph', children: [{ kind: 'text', text: 'before' }] },
      { kind: 'pre', text: 'SELECT *\nFROM a_b_c;' },
      { kind: 'paragraph', children: [{ kind: 'text', text: 'after' }] },
    ]);
  });

  test('reads quotes, as typed and as escaped', () => {
    const quote = {
      kind: 'quote',
      children: [{ kind: 'paragraph', children: [{ kind: 'text', text: 'so' }] }],
    };

    expect(parseMrkdwn('> so')).toEqual([quote]);
    expect(parseMrkdwn('&gt; so')).toEqual([quote]);
  });

  test('reads lists with and without numbers', () => {
    expect(parseMrkdwn('• a\n• *b*')).toMatchObject([{ kind: 'list', ordered: false }]);
    expect(parseMrkdwn('1. a\n2. b')).toMatchObject([
      { kind: 'list', ordered: true, items: [[{ text: 'a' }], [{ text: 'b' }]] },
    ]);
  });

  test('keeps line breaks inside a paragraph', () => {
    expect(parseMrkdwn('a\nb')).toEqual([
      {
        kind: 'paragraph',
        children: [{ kind: 'text', text: 'a' }, { kind: 'break' }, { kind: 'text', text: 'b' }],
      },
    ]);
  });
});
