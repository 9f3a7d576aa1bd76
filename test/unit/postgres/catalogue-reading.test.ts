import { expect, test } from 'vitest';

import { catalogueOf } from '../../../src/postgres/catalogue-reading.ts';

test('catalogueOf() refuses two objects of one kind and name, for one would hide the other', () => {
  const one = { kind: 'table', name: 'a.b', parent: '', digest: 'a', says: '' };

  expect(() => catalogueOf([one, { ...one, digest: 'b' }])).toThrow(
    'Two objects have one name: table a.b',
  );
  expect(catalogueOf([one, { ...one, kind: 'view' }]).size).toBe(2);
});
