/** Which roles may ask, decide and stop. */
import { describe, expect, test } from 'vitest';

import { mayAsk, mayCancel, mayDecide } from '../../../src/gate/authorise.ts';
import type { Actor } from '../../../src/gate/people.ts';

const ANA: Actor = { kind: 'slack', id: 'U0ANA', name: 'Ana', zone: 'UTC' };
const CLOCK: Actor = { ...ANA, kind: 'schedule' };

describe('mayAsk()', () => {
  test.each([
    [ANA, [], 'none', false],
    [ANA, ['viewer'], 'none', true],
    [ANA, ['viewer'], 'low', false],
    [ANA, ['operator'], 'low', true],
    [ANA, ['operator'], 'high', true],
    [ANA, ['approver'], 'high', true],
    [CLOCK, ['operator'], 'low', true],
    [CLOCK, ['operator'], 'high', false],
  ] as const)('%o with %o for danger %s: %s', (actor, roles, danger, answer) => {
    expect(mayAsk(actor, roles, danger).outcome === 'allowed').toBe(answer);
  });
});

describe('mayDecide() and mayCancel()', () => {
  test('an operator may stop but not approve; an asker may always stop', () => {
    expect(mayDecide(ANA, ['operator']).outcome).toBe('not allowed');
    expect(mayCancel(ANA, ['operator'], false).outcome).toBe('allowed');
    expect(mayCancel(ANA, [], true).outcome).toBe('allowed');
    expect(mayCancel(ANA, ['viewer'], false).outcome).toBe('not allowed');
  });
});
