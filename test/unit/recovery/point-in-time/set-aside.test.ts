/** What is damaged is remembered; what merely could not be done is not. */
import { expect, test } from 'vitest';

import { DECRYPTION_FAILED } from '../../../../src/encryption/problems.ts';
import { backupIdAt, isServerName, newRunId } from '../../../../src/kernel/ids.ts';
import { toLsn } from '../../../../src/kernel/lsn.ts';
import { isProblem, Problem } from '../../../../src/kernel/problem.ts';
import { setAside } from '../../../../src/recovery/point-in-time/set-aside.ts';
import { STORE_UNREACHABLE } from '../../../../src/storage/problems.ts';
import { fakeClock } from '../../../support/fake-clock.ts';

const AT = '2026-11-22T14:46:00Z';

function unused(): never {
  throw new Error('Setting aside needs no more');
}

function scene() {
  const clock = fakeClock(AT);
  const server = 'shop';
  if (!isServerName(server)) throw new TypeError(server);
  const recorded: { store: string }[] = [];
  const marked: { verdict: string; store: string }[] = [];
  const backups = {
    record: async (row: { readonly store: string }) => void recorded.push(row),
    list: async () => [],
    remove: async () => undefined,
    markVerified: async (row: { readonly verdict: string; readonly store: string }) =>
      void marked.push(row),
  };
  const nothing = { record: unused, find: unused, add: unused, list: unused };
  const catalog = {
    backups,
    walProgress: nothing,
    instances: { ...nothing, extend: unused, remove: unused },
  };
  const backup = {
    base: {
      backupId: backupIdAt(Temporal.Instant.from(AT)),
      server,
      major: 15,
      systemId: '7341',
      timeline: 1,
      segmentBytes: 16 * 1024 * 1024,
      beginLsn: toLsn('0/2000028'),
      endLsn: toLsn('0/2000138'),
      beganAt: AT,
      endedAt: AT,
      sourceBytes: 1,
      storedBytes: 1,
      files: 1,
      packs: 1,
      keyId: 'k',
      damagedFiles: [],
    },
    storeName: 'here',
  };
  return {
    deps: { clock, catalog },
    backup,
    recorded,
    marked,
    runId: newRunId(Temporal.Instant.from(AT)),
  };
}

test('setAside() marks a damaged backup as failed and says that asking again helps', async () => {
  const { deps, backup, recorded, marked, runId } = scene();
  const error = new Problem(DECRYPTION_FAILED, 'Cannot decrypt "pack-0001"');

  const told = await setAside(deps, backup, { error, runId });

  // Also where the catalogue was lost and has no row to mark.
  expect(recorded).toMatchObject([{ store: 'here' }]);
  expect(marked).toMatchObject([
    { backupId: backup.base.backupId, verdict: 'FAIL', store: 'here' },
  ]);
  expect(told).toMatchObject({ kind: { code: 'DECRYPTION_FAILED' }, message: error.message });
  expect(isProblem(told) ? told.hint : '').toContain(
    'Ask again: the copy of 20261122T144600Z in here is set aside now',
  );
});

test('setAside() condemns no backup for a store that cannot be reached or a bug', async () => {
  const { deps, backup, marked, runId } = scene();

  for (const error of [new Problem(STORE_UNREACHABLE, 'Cannot open'), new TypeError('bug')])
    expect(await setAside(deps, backup, { error, runId })).toBe(error);
  expect(marked).toEqual([]);
});
