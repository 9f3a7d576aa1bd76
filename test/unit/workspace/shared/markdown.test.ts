/** The little Markdown of `markdown` blocks, read into the same tree. */
import { expect, test } from 'vitest';

import { parseMarkdown } from '../../../../src/workspace/shared/markdown.ts';

test('parseMarkdown() reads headings, bold, italics, links and code', () => {
  const pieces = parseMarkdown(
    '# Title\n\n**b** *i* [l](https://example.org)\n\n```sql\nSELECT 1\n```',
  );

  expect(pieces).toMatchObject([
    { kind: 'heading', children: [{ text: 'Title' }] },
    {
      kind: 'paragraph',
      children: [
        { kind: 'bold' },
        { text: ' ' },
        { kind: 'italic' },
        { text: ' ' },
        { kind: 'link', url: 'https://example.org', label: 'l' },
      ],
    },
    { kind: 'pre', text: 'SELECT 1' },
  ]);
});
