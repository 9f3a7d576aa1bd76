/** Operations by name. */
import { describe, expect, test } from 'vitest';

import { createRegistry } from '../../../src/gate/registry.ts';
import { toyOperation } from '../../support/toy-operation.ts';

describe('createRegistry()', () => {
  test('refuses two operations of one name: which one would be performed?', () => {
    const twice = [toyOperation('restore', 'low'), toyOperation('restore', 'high')];

    expect(() => createRegistry(twice)).toThrow('Two operations are called "restore"');
  });
});
