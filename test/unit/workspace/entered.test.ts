/** What a person entered, in Slack's shapes. */
import { describe, expect, test } from 'vitest';

import { missingFields, stateValues } from '../../../src/workspace/entered.ts';
import { recordsAt } from '../../../src/workspace/shared/json.ts';
import { incidentForm } from '../../support/workspace-forms.ts';

const BLOCKS = recordsAt(incidentForm(), 'blocks');

describe('stateValues()', () => {
  test('has every field: as entered, as it stood at first, or empty', () => {
    expect(stateValues(BLOCKS, { scenario: { value: 'change' } })).toMatchObject({
      scenario: { value: { type: 'radio_buttons', selected_option: { value: 'change' } } },
      server: { value: { type: 'static_select', selected_option: { value: 'shop' } } },
      at: { value: { type: 'datetimepicker', selected_date_time: 1_795_531_351 } },
      tables: { value: { type: 'plain_text_input', value: null } },
    });
  });

  test('takes no choice that was not offered', () => {
    expect(stateValues(BLOCKS, { server: { value: 'moon' } })).toMatchObject({
      server: { value: { selected_option: null } },
    });
  });

  test('sees a field that was emptied as empty, whatever stood in it at first', () => {
    expect(stateValues(BLOCKS, { at: { value: null } })).toMatchObject({
      at: { value: { selected_date_time: null } },
    });
  });
});

describe('missingFields()', () => {
  test('names what must be filled, and nothing that is optional', () => {
    expect(missingFields(BLOCKS, {})).toEqual({ scenario: 'Please complete this required field.' });
  });

  test('holds text to its longest and shortest', () => {
    const block = {
      type: 'input',
      block_id: 'b',
      element: { type: 'plain_text_input', action_id: 'a', min_length: 2, max_length: 3 },
    };

    expect(missingFields([block], { b: { a: 'x' } })['b']).toContain('at least 2');
    expect(missingFields([block], { b: { a: 'xxxx' } })['b']).toContain('at most 3');
    expect(missingFields([block], { b: { a: 'xx' } })).toEqual({});
  });
});
