/** Tests of asking the stores, where the log of the asked moment is still on its way. */
import { assert, expect, test } from 'vitest';

import type { WalProgressRecord } from '../../../src/catalog/records.ts';
import type { BackupSummary } from '../../../src/engines/engine.ts';
import { backupIdAt, isServerName } from '../../../src/kernel/ids.ts';
import { toLsn } from '../../../src/kernel/lsn.ts';
import { type SurveyDeps, surveyOnceStored, surveyStores } from '../../../src/recovery/survey.ts';
import { memoryStore } from '../../../src/storage/memory.ts';
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts';

const { signal } = new AbortController();
const SERVER = 'shop';
assert(isServerName(SERVER));
const ASKED = {
  server: SERVER,
  target: { kind: 'time', asked: '14:45:59', at: '2026-11-22T14:45:59Z' },
} as const;

const BACKUP: BackupSummary = {
  backupId: backupIdAt(Temporal.Instant.from('2026-11-22T02:00:00Z')),
  server: SERVER,
  major: 15,
  systemId: '7341',
  timeline: 1,
  segmentBytes: 16 << 20,
  beginLsn: toLsn('0/4000028'),
  endLsn: toLsn('0/4000100'),
  beganAt: '2026-11-22T02:00:00Z',
  endedAt: '2026-11-22T02:00:05Z',
  sourceBytes: 1,
  storedBytes: 1,
  files: 1,
  packs: 1,
  keyId: 'k',
  damagedFiles: [],
};

interface Scene {
  readonly clock: FakeClock;
  readonly deps: SurveyDeps;
  /** The receiver tells that everything until this moment is stored. */
  readonly tell: (at: string) => void;
}

function scene(toldAt: string): Scene {
  const clock = fakeClock('2026-11-22T14:46:00Z');
  const lsns = { storedLsn: '0/5000000', serverLsn: '0/5000000' };
  let progress: WalProgressRecord = {
    server: SERVER,
    store: 'here',
    systemId: '7341',
    timeline: 1,
    ...lsns,
    at: toldAt,
  };
  const run = { timeline: 1, fromLsn: toLsn('0/4000000'), toLsn: toLsn('0/5000000') };
  const nothing = { missing: [], histories: [], segments: 1, storedBytes: 1 };
  return {
    clock,
    tell: (at) => {
      progress = { ...progress, at };
    },
    deps: {
      clock,
      ring: NO_RING,
      storesOf: () => [{ name: 'here', store: memoryStore() }],
      engine: { listBackups: async () => ({ backups: [BACKUP], unreadable: [] }) },
      walArchive: { inventory: async () => ({ runs: [run], ...nothing }) },
      catalog: { walProgress: { record: async () => undefined, find: async () => progress } },
    },
  };
}

function unused(): never {
  throw new Error('A survey needs no key');
}

const NO_RING: SurveyDeps['ring'] = {
  currentKeyId: 'k',
  keyIds: ['k'],
  wrap: unused,
  unwrap: unused,
  contentName: unused,
};

test('surveyOnceStored() waits for the log of a moment that has only just passed', async () => {
  const { clock, deps, tell } = scene('2026-11-22T14:45:58Z');
  const surveying = surveyOnceStored(deps, ASKED, { signal });
  await clock.untilAsleep(1);

  tell('2026-11-22T14:46:00Z');
  await clock.advance(500);

  expect((await surveying).choice).toMatchObject({ outcome: 'found', covered: 'yes' });
});

test('surveyOnceStored() does not wait for a receiver that is not at work', async () => {
  const { deps } = scene('2026-11-22T14:40:00Z');

  const { choice } = await surveyOnceStored(deps, ASKED, { signal });

  expect(choice.outcome).toBe('after last wal');
});

test('surveyOnceStored() gives up when the store stays behind', async () => {
  const { clock, deps, tell } = scene('2026-11-22T14:45:58Z');
  const surveying = surveyOnceStored(deps, ASKED, { signal });
  for (let attempts = 0; attempts <= 71; attempts += 1) {
    await clock.untilAsleep(1);
    // It lives and tells of itself, yet never of the asked moment.
    if (attempts === 60) tell('2026-11-22T14:45:58.5Z');
    await clock.advance(500);
    if (attempts >= 70) break;
  }

  expect((await surveying).choice.outcome).toBe('after last wal');
});

test.each([
  ['refuses what lies behind a hole that was told', 1, 'hole'],
  ['lets the replay find out where a hole was told of another timeline', 2, 'found'],
])('surveyStores() %s', async (_, timeline, outcome) => {
  const { deps } = scene('2026-11-22T14:00:00Z');
  const behind = { timeline: 1, fromLsn: toLsn('0/6000000'), toLsn: toLsn('0/7000000') };
  const hole = { systemId: '7341', timeline, fromLsn: '0/5000000', toLsn: '0/6000000' };
  const finding = { code: 'ARCHIVING_LOG_HOLE', hole, until: '2026-11-22T10:00:00Z' };
  const findings = {
    open: async () => false,
    close: async () => false,
    list: async () => [finding],
  };
  const { inventory } = deps.walArchive;
  const holed: SurveyDeps = {
    ...deps,
    walArchive: {
      async inventory(request) {
        const log = await inventory(request);
        return { ...log, runs: [...log.runs, behind] };
      },
    },
    catalog: { ...deps.catalog, findings },
  };

  const { choice } = await surveyStores(holed, ASKED, { signal });

  expect(choice.outcome).toBe(outcome);
});
