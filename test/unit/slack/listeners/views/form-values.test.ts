/** What a form brings back: values, or a sentence beside each field that is wrong. */
import { expect, test } from 'vitest';

import {
  readIncidentForm,
  readUpdateForm,
} from '../../../../../src/slack/listeners/views/form-values.ts';
import { NOW } from '../../../../support/slack-samples.ts';

function form(fields: Readonly<Record<string, object>>): object {
  const values = Object.fromEntries(
    Object.entries(fields).map(([block, value]) => [block, { value }]),
  );
  return { private_metadata: '{"channel":"C0OPS"}', state: { values } };
}

const GOOD = {
  scenario: { selected_option: { value: 'change' } },
  server: { selected_option: { value: 'shop' } },
  at: { selected_date_time: NOW.epochMilliseconds / 1000 - 900 },
  tables: { value: 'orders, public.users' },
  note: { value: null },
};

test('readIncidentForm() reads what was filled in', () => {
  expect(readIncidentForm(form(GOOD), NOW)).toEqual({
    outcome: 'filled in',
    values: {
      scenario: 'change',
      server: 'shop',
      at: Temporal.Instant.from('2026-11-22T14:42:00Z'),
      tables: ['orders', 'public.users'],
      note: undefined,
      channel: 'C0OPS',
    },
  });
});

test.each([
  ['scenario', { scenario: { selected_option: null } }, 'Choose what comes closest'],
  ['server', { server: {} }, 'Choose the server'],
  ['at', { at: { selected_date_time: NOW.epochMilliseconds / 1000 + 60 } }, 'in the future'],
  ['tables', { tables: { value: 'orders; DROP TABLE x' } }, 'not the name of a table'],
])('readIncidentForm() says beside "%s" what is wrong', (field, change, words) => {
  const reading = readIncidentForm(form({ ...GOOD, ...change }), NOW);

  expect(reading.outcome === 'wrong' ? reading.errors[field] : '').toContain(words);
});

test('readUpdateForm() wants every word that stakeholders will read', () => {
  const reading = readUpdateForm(
    form({
      incident: { selected_option: { value: 'inc-1' } },
      what: { value: 'x' },
      impact: { value: ' ' },
      doing: { value: 'y' },
      next: { selected_option: { value: '-5' } },
    }),
  );

  expect(reading).toEqual({
    outcome: 'wrong',
    errors: {
      impact: 'Say what it means for the people who read this.',
      next: 'Choose when they hear from us again.',
    },
  });
});
