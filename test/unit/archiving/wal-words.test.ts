/** What people read of the stored log: every hole by name, and who could not be asked. */
import { expect, test } from 'vitest';

import type { StoreReport, WalReport } from '../../../src/archiving/wal-report.ts';
import { walLines } from '../../../src/archiving/wal-words.ts';
import { viewOf } from '../../../src/cli/views.ts';
import { lintMessage } from '../../../src/slack/limits.ts';
import { answerMessage } from '../../../src/slack/messages/answer.ts';

const [HASH, OTHER] = ['a'.repeat(32), 'b'.repeat(32)];

test('a log without a hole: how far, how late, and for how long the server has room', () => {
  expect(walLines({ ...REPORT })).toEqual([
    'The log of shop is stored without a hole',
    'Data at risk now: 1.5 s; the newest moment known to be stored is 1.5 s old',
    'The server is at 0/9000200, writes 100 kB/s',
    'Slot dbdr_shop: in use, reserved, keeps 16.8 MB from 0/8000000 on, may keep 1.1 GB more (safe_wal_size): room for 2 h 59 min if nothing were stored from now on',
    'Store here: stored to 0/9000100, 256 B behind the server, 1.5 s at risk',
    '  Whole from 0/3000000 to 0/9000100 on timeline 1',
    'Backup 20261124T010000Z (timeline 1, from 0/3000028): to 0/9000100, all that is stored',
  ]);
});

test('a hole is told by name, timeline, size and place, and the hashes of what is beside it or elsewhere', () => {
  const text = walLines({ ...REPORT, stores: [{ ...STORE, holes: [HOLE] }] })?.join('\n');

  expect(text).toContain('The log of shop HAS A HOLE');
  expect(text).toContain(
    [
      '  HOLE 000000010000000000000005 to 000000010000000000000006: timeline 1, 2 segments, 33.6 MB, from 0/5000000 to 0/7000000',
      `    It lies behind 000000010000000000000004 (hash ${HASH})`,
      `    west holds 000000010000000000000005 (hash ${OTHER})`,
    ].join('\n'),
  );
});

test('a store that could not be asked is named with the reason, in a terminal and in Slack alike', () => {
  const report = { ...REPORT, segments: null, stores: [AWAY] };
  const reader = { now: Temporal.Instant.from('2026-11-25T00:00:00Z'), zone: 'UTC' };

  const terminal = viewOf('wal', report, reader);
  const slack = answerMessage('wal', report, reader);

  for (const text of [terminal, slack.text]) {
    expect(text).toContain('has no hole as far as could be seen: not every store answers');
    expect(text).toContain(
      'Store here: COULD NOT BE ASKED: Cannot reach the store: it is away. Look at it.',
    );
    expect(text).toContain('As remembered: stored to 0/9000100');
  }
  expect(lintMessage(slack)).toEqual([]);
});

test('a server that does not answer is told so, and so is a slot that is not there', () => {
  const unreachable = { code: 'X', message: 'Cannot connect', hint: 'Start it.' };

  expect(walLines({ ...REPORT, unreachable })).toContain(
    'The server does not answer: Cannot connect. Start it.',
  );
  expect(walLines({ ...REPORT, slot: null })).toContain(
    'There is no slot: the server keeps no log for us',
  );
});

test('of long lists the newest entries are shown, and the rest is counted', () => {
  const coverage = Array.from({ length: 25 }, (_, at) => ({
    from: `0/${at}`,
    to: `0/${at}`,
    timeline: 1,
  }));

  const lines = walLines({ ...REPORT, stores: [{ ...STORE, coverage }] });

  expect(lines).toContain('  5 older stretches: see `wal --json`');
  expect(lines?.filter((line) => line.startsWith('  Whole'))).toHaveLength(20);
});

test('what is no answer of `wal` is left to others', () => {
  expect(walLines({ runs: [] })).toBeUndefined();
});

const STORE: StoreReport = {
  store: 'here',
  counts: true,
  coverage: [{ from: '0/3000000', to: '0/9000100', timeline: 1 }],
  missing: [],
  holes: [],
  conflicts: [],
  storedLsn: '0/9000100',
  lagBytes: 256,
  rpoSeconds: 1.5,
  ageSeconds: 1.5,
  unreachable: null,
};

const AWAY: StoreReport = {
  ...STORE,
  coverage: [],
  unreachable: {
    code: 'STORAGE',
    message: 'Cannot reach the store: it is away',
    hint: 'Look at it.',
  },
};

const HOLE: StoreReport['holes'][number] = {
  first: '000000010000000000000005',
  last: '000000010000000000000006',
  timeline: 1,
  from: '0/5000000',
  to: '0/7000000',
  segments: 2,
  bytes: 33_554_432,
  after: { segment: '000000010000000000000004', hash: HASH },
  before: null,
  copies: [{ store: 'west', segment: '000000010000000000000005', hash: OTHER }],
};

const REPORT: WalReport = {
  server: 'shop',
  store: 'here',
  systemId: '73',
  coverage: STORE.coverage,
  bases: [
    {
      backupId: '20261124T010000Z',
      timeline: 1,
      from: '0/3000028',
      to: '0/9000100',
      reaches: 'all',
    },
  ],
  missing: [],
  holes: [],
  segments: 7,
  storedBytes: 1000,
  storedLsn: '0/9000100',
  serverLsn: '0/9000200',
  lagBytes: 256,
  lagSeconds: 1.5,
  rpoSeconds: 1.5,
  ageSeconds: 1.5,
  walPerSecondBytes: 100_000,
  stores: [STORE],
  slot: {
    name: 'dbdr_shop',
    active: true,
    walStatus: 'reserved',
    restartLsn: '0/8000000',
    keptBytes: 16_777_216,
    safeBytes: 1_080_000_000,
    headroomSeconds: 10_799,
  },
  unreachable: null,
};
