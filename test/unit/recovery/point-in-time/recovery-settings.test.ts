/** Tests of the settings that lead PostgreSQL to a target. */
import { expect, test } from 'vitest';

import { recoverySettings } from '../../../../src/recovery/point-in-time/recovery-settings.ts';
import type { Target } from '../../../../src/recovery/target.ts';

function settings(target: Target, looksAhead = true): Record<string, string> {
  const common = { restoreCommand: 'x', timeline: 'current', major: 15 } as const;
  return recoverySettings({ ...common, target, looksAhead });
}

test('recoverySettings() pauses before the target, on a named timeline', () => {
  const at = '2026-11-22T14:46:00.118006Z';

  expect(settings({ kind: 'time', asked: 'x', at })).toMatchObject({
    recovery_target_time: '2026-11-22 14:46:00.118006+00',
    recovery_target_action: 'pause',
    recovery_target_inclusive: 'off',
    recovery_target_timeline: 'current',
  });
});

test('recoverySettings() names no target for the newest moment', () => {
  const names = Object.keys(settings({ kind: 'latest', asked: 'latest' }));

  expect(names).not.toContain('recovery_target_time');
  expect(names).not.toContain('recovery_target_lsn');
});

test('recoverySettings() does not let PostgreSQL look ahead where that would meet a hole', () => {
  expect(settings({ kind: 'latest', asked: 'x' }, false)).toMatchObject({
    recovery_prefetch: 'off',
  });
  expect(settings({ kind: 'latest', asked: 'x' })).not.toHaveProperty('recovery_prefetch');
});
