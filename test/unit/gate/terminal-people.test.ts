/** People of every kind behind one door. */
import { describe, expect, test } from 'vitest';

import { composedPeople } from '../../../src/gate/terminal-people.ts';

const SIGNAL = new AbortController().signal;

describe('composedPeople()', () => {
  const who = { id: 'x', name: 'x', zone: 'UTC' };

  test('gives nobody in Slack a role when there is no Slack', async () => {
    const people = composedPeople();

    expect(await people.rolesOf({ kind: 'slack', ...who }, { signal: SIGNAL })).toEqual([]);
    expect(await people.rolesOf({ kind: 'terminal', ...who }, { signal: SIGNAL })).toContain(
      'approver',
    );
    expect(await people.rolesOf({ kind: 'schedule', ...who }, { signal: SIGNAL })).not.toContain(
      'approver',
    );
    expect(await people.approvers({ signal: SIGNAL })).toEqual([]);
  });
});
