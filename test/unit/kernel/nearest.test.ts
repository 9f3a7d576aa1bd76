/** Suggestions for what was typed wrongly. */
import { describe, expect, test } from 'vitest';

import { nearestWord } from '../../../src/kernel/nearest.ts';

describe('nearestWord()', () => {
  const known = ['restore', 'runs', 'retention', 'backup', 'backups', 'status'];

  test.each([
    ['restroe', 'restore'],
    ['backpu', 'backup'],
    ['run', 'runs'],
    ['stat', 'status'],
    ['reten', 'retention'],
    ['xyz', undefined],
    ['', undefined],
  ])('for "%s" is %s', (word, near) => {
    expect(nearestWord(word, known)).toBe(near);
  });
});
