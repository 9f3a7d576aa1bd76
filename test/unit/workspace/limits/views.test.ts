/** What Slack would refuse in a form. */
import { describe, expect, test } from 'vitest';

import { checkView } from '../../../../src/workspace/limits/views.ts';
import { incidentForm, plain, section } from '../../../support/workspace-forms.ts';

describe('checkView()', () => {
  test('lets a good form through', () => {
    expect(checkView(incidentForm()).outcome).toBe('good');
  });

  test.each([
    ['a title of 25 characters', { title: plain('x'.repeat(25)) }, '/view/title/text'],
    ['metadata of 3001 characters', { private_metadata: 'x'.repeat(3001) }, 'private_metadata'],
    ['inputs without a submit button', { submit: undefined }, 'submit'],
    ['another kind of view', { type: 'home' }, 'must be modal'],
    ['101 blocks', { blocks: Array.from({ length: 101 }, () => section('x')) }, '/view/blocks'],
  ])('refuses %s', (_what, fields, reason) => {
    const checked = checkView({ ...incidentForm(), ...fields });

    expect(checked).toMatchObject({ outcome: 'bad', error: 'invalid_arguments' });
    expect(JSON.stringify(checked)).toContain(reason);
  });

  test('refuses a form of more than 250 kB as a whole', () => {
    const blocks = Array.from({ length: 90 }, () => section('x'.repeat(2900)));

    expect(checkView({ ...incidentForm(), blocks })).toMatchObject({ error: 'view_too_large' });
  });
});
