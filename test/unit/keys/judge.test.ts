import { describe, expect, test } from 'vitest';

import { findingsOf } from '../../../src/keys/judge.ts';
import { ALL, check, filled, generations, SERVER } from '../../support/stored-keys.ts';

const SINCE = '2026-11-22T14:46:00.000000Z';

describe('findingsOf()', () => {
  test('says one sentence for each code, of this server and of all', async () => {
    const { issues } = await check([{ name: 'file', holds: generations('k3') }], await filled());

    const findings = findingsOf({ issues, server: SERVER, since: SINCE });

    expect(findings).toMatchObject([{ code: 'KEY_MISSING', severity: 'page', server: SERVER }]);
    expect(findings[0]?.summary).toContain('and 1 more');
    expect(findingsOf({ issues, server: 'other', since: SINCE })).toEqual([]);
  });

  test('says first of a code what somebody must be woken for', async () => {
    const { issues } = await check(
      [
        { name: 'us-east-1', holds: ALL },
        { name: 'us-west-2', holds: generations('k1', 'k3') },
      ],
      await filled(),
    );
    const warned = issues.map((issue) => ({ ...issue, severity: 'warn' as const }));

    const findings = findingsOf({ issues: [...warned, ...issues], server: SERVER, since: SINCE });

    expect(findings).toMatchObject([{ code: 'KEY_COPY_MISSING', severity: 'page' }]);
  });
});
