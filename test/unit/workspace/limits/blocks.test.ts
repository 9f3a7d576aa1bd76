/** What Slack would refuse in blocks is refused with its reason and place. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { checkBlocks } from '../../../../src/workspace/limits/blocks.ts';
import type { JsonRecord } from '../../../../src/workspace/shared/json.ts';
import {
  approvalBlocks,
  incidentForm,
  option,
  plain,
  section,
} from '../../../support/workspace-forms.ts';

function button(fields: JsonRecord = {}): JsonRecord {
  return { type: 'button', action_id: 'go', text: plain('Go'), ...fields };
}

function actions(elements: readonly JsonRecord[]): JsonRecord {
  return { type: 'actions', elements };
}

function table(rows: readonly (readonly string[])[]): JsonRecord {
  return {
    type: 'table',
    rows: rows.map((row) => row.map((text) => ({ type: 'raw_text', text }))),
  };
}

describe('checkBlocks()', () => {
  test('lets through what our messages are made of', () => {
    const blocks = [
      { type: 'header', text: plain('Report') },
      ...approvalBlocks(),
      { type: 'divider' },
      { type: 'context', elements: [{ type: 'mrkdwn', text: 'quiet' }] },
      table([
        ['Check', 'Result'],
        ['Restore', 'PASS'],
      ]),
    ];

    expect(checkBlocks(blocks, 'message')).toEqual([]);
  });

  test('names the sentence and the place as Slack does', () => {
    expect(checkBlocks([section('x'.repeat(3001))], 'message')).toEqual([
      '[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]',
    ]);
  });

  test('takes text exactly as long as the limit, and not one character more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2990, max: 3010 }), (length) => {
        const refusals = checkBlocks([section('x'.repeat(length))], 'message');
        expect(refusals.length).toBe(length > 3000 ? 1 : 0);
      }),
    );
  });

  test('counts 50 blocks in a message and 100 in a modal', () => {
    const dividers = Array.from({ length: 51 }, () => ({ type: 'divider' }));

    expect(checkBlocks(dividers, 'message')[0]).toContain('no more than 50 items');
    expect(checkBlocks(dividers, 'modal')).toEqual([]);
  });

  test.each([
    ['a type nobody knows', { type: 'bogus' }, '/blocks/0/type'],
    ['mrkdwn in a header', { type: 'header', text: { type: 'mrkdwn', text: 'x' } }, '/text/type'],
    ['a header of 151 characters', { type: 'header', text: plain('x'.repeat(151)) }, '/text/text'],
    ['an empty text', section(''), 'must be more than 0'],
    ['a section without words', { type: 'section' }, 'text or fields'],
    [
      'eleven fields',
      { type: 'section', fields: Array.from({ length: 11 }, () => plain('x')) },
      '/fields',
    ],
    ['no elements in a context', { type: 'context', elements: [] }, 'no fewer than 1'],
    [
      '26 buttons',
      actions(Array.from({ length: 26 }, (_, n) => button({ action_id: `a${n}` }))),
      '25',
    ],
    ['a button of 76 characters', actions([button({ text: plain('x'.repeat(76)) })]), '/text/text'],
    ['a value of 2001 characters', actions([button({ value: 'x'.repeat(2001) })]), '/value'],
    ['a style that is none', actions([button({ style: 'green' })]), 'primary, danger'],
    ['two buttons with one action id', actions([button(), button()]), 'already exists'],
    ['a text input among buttons', actions([{ type: 'plain_text_input' }]), 'unsupported type'],
    ['rows of different length', table([['a', 'b'], ['c']]), 'same number of cells'],
    ['an empty cell', table([['']]), '/rows/0/0/text'],
    [
      'an image without words',
      { type: 'image', image_url: 'https://example.org/a.png' },
      'alt_text',
    ],
  ])('refuses %s', (_what, block, reason) => {
    expect(checkBlocks([block], 'message').join('\n')).toContain(reason);
  });

  test('refuses a confirm text of 301 characters', () => {
    const confirm = {
      title: plain('Sure?'),
      text: plain('x'.repeat(301)),
      confirm: plain('Yes'),
      deny: plain('No'),
    };

    expect(checkBlocks([actions([button({ confirm })])], 'message')).toEqual([
      '[ERROR] must be less than 301 characters [json-pointer:/blocks/0/elements/0/confirm/text/text]',
    ]);
  });

  test('refuses a second table and more than 12,000 characters of markdown in one message', () => {
    const twoTables = [table([['a']]), table([['b']])];
    const long = [1, 2].map(() => ({ type: 'markdown', text: 'x'.repeat(6001) }));

    expect(checkBlocks(twoTables, 'message').join()).toContain('only_one_table_allowed');
    expect(checkBlocks(long, 'message').join()).toContain('12001');
  });

  test('refuses tables in a modal, where Slack shows none', () => {
    expect(checkBlocks([table([['a']])], 'modal').join()).toContain('unsupported type: table');
  });

  test('refuses two blocks with one block_id', () => {
    const twice = [1, 2].map(() => ({ type: 'divider', block_id: 'same' }));

    expect(checkBlocks(twice, 'message')).toEqual([
      '[ERROR] block_id `same` already exists [json-pointer:/blocks/1/block_id]',
    ]);
  });

  test('refuses a choice that is not among the options', () => {
    const select = {
      type: 'static_select',
      action_id: 's',
      options: [option('shop', 'shop')],
      initial_option: option('other', 'other'),
    };

    expect(checkBlocks([actions([select])], 'message').join()).toContain('not among the options');
  });

  test('lets the blocks of a form through', () => {
    expect(checkBlocks(incidentForm()['blocks'], 'modal')).toEqual([]);
  });
});
