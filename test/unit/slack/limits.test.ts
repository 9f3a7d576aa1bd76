/** The linter of Slack's limits: what Slack would refuse is found here first. */
import type { KnownBlock, ModalView } from '@slack/types';
import { expect, test } from 'vitest';

import { lintMessage, lintView } from '../../../src/slack/limits.ts';
import { section } from '../../../src/slack/messages/blocks.ts';

function raw(text: string): KnownBlock {
  return { type: 'section', text: { type: 'mrkdwn', text } };
}

test('lintMessage() finds nothing wrong with a plain message', () => {
  expect(lintMessage({ text: 'Hello', blocks: [section('Hello')] })).toEqual([]);
});

test.each<[string, { text: string; blocks: KnownBlock[] }, string]>([
  ['no text', { text: ' ', blocks: [] }, 'text is empty'],
  ['a text that chat.update refuses', { text: 'x'.repeat(4001), blocks: [] }, '4001 characters'],
  [
    'fifty-one blocks',
    { text: 't', blocks: Array.from({ length: 51 }, () => raw('x')) },
    'blocks has 51 items',
  ],
  ['a long section', { text: 't', blocks: [raw('x'.repeat(3001))] }, '3001 characters'],
  ['an empty section', { text: 't', blocks: [raw('')] }, 'is empty'],
  [
    'two blocks with one id',
    {
      text: 't',
      blocks: [
        { ...raw('a'), block_id: 'b' },
        { ...raw('b'), block_id: 'b' },
      ],
    },
    'the same block_id',
  ],
  [
    'a button without a label for screen readers',
    {
      text: 't',
      blocks: [
        {
          type: 'actions',
          elements: [{ type: 'button', action_id: 'a', text: { type: 'plain_text', text: 'Go' } }],
        },
      ],
    },
    'no accessibility_label',
  ],
  [
    'a table whose rows differ',
    {
      text: 't',
      blocks: [
        {
          type: 'table',
          rows: [
            [{ type: 'raw_text', text: 'a' }],
            [
              { type: 'raw_text', text: 'a' },
              { type: 'raw_text', text: 'b' },
            ],
          ],
        },
      ],
    },
    'not of one length',
  ],
])('lintMessage() finds %s', (_what, message, words) => {
  expect(lintMessage(message).join('\n')).toContain(words);
});

test('lintView() finds a long title and inputs that cannot be sent', () => {
  const view: ModalView = {
    type: 'modal',
    title: { type: 'plain_text', text: 'A title that is much too long' },
    blocks: [
      {
        type: 'input',
        label: { type: 'plain_text', text: 'L' },
        element: { type: 'plain_text_input', action_id: 'value' },
      },
    ],
  };

  expect(lintView(view).join('\n')).toMatch(/title has 29 characters[\s\S]*submit is missing/);
});
