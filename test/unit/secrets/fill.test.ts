/** `${NAME}` in a setting: from the environment, told by name when it is missing. */
import { describe, expect, test } from 'vitest';

import { fillSecrets, namesSecret } from '../../../src/secrets/fill.ts';
import { secretSources } from '../../../src/secrets/sources.ts';

const sources = secretSources({ USER_NAME: 'ana', PASSWORD: 'p$&w', EMPTY: '' });

describe('fillSecrets()', () => {
  test('fills every name, and takes the value as it is', () => {
    expect(fillSecrets('${USER_NAME}:${PASSWORD}', sources)).toEqual({
      outcome: 'filled',
      text: 'ana:p$&w',
      from: ['environment USER_NAME', 'environment PASSWORD'],
    });
  });

  test('tells all that is missing at once', () => {
    expect(fillSecrets('${A}${EMPTY}', sources)).toMatchObject({
      outcome: 'refused',
      why: 'the environment has no A, the environment has an empty EMPTY',
    });
  });

  test('says that a file which is named cannot be read', () => {
    const filed = secretSources({ TOKEN_FILE: '/does/not/exist' });

    expect(fillSecrets('${TOKEN}', filed)).toMatchObject({
      outcome: 'refused',
      why: 'TOKEN_FILE names "/does/not/exist", which cannot be read',
    });
  });

  test('leaves text alone that names nothing', () => {
    expect(namesSecret('a $ {b} $c')).toBe(false);
    expect(namesSecret('secretsmanager:prod#key')).toBe(true);
  });
});
