/** What the watcher over the stored log tells, minute by minute, while servers change their timelines. */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';

import type { ArchivingServer } from '../../../src/archiving/deps.ts';
import { coverageService } from '../../../src/archiving/watch-coverage.ts';
import { keyRing } from '../../../src/encryption/file-key-ring.ts';
import type { WalFork, WalInventory, WalRun } from '../../../src/engines/wal-archive.ts';
import type { Json } from '../../../src/kernel/codecs.ts';
import { backupIdAt } from '../../../src/kernel/ids.ts';
import { silentLog } from '../../../src/kernel/log.ts';
import { toLsn } from '../../../src/kernel/lsn.ts';
import { followWal } from '../../../src/recovery/coverage.ts';
import { memoryStore } from '../../../src/storage/memory.ts';
import { testServerName } from '../../support/folder-archive.ts';

const MINUTE_MS = 60_000;

interface World {
  readonly forks?: readonly WalFork[];
  /** Another store's. */
  readonly west?: readonly WalRun[];
  runs: readonly WalRun[];
  /** What was told as stored. */
  timeline: number;
  storedLsn: string;
  bases: readonly BaseMade[];
}

interface BaseMade {
  readonly timeline: number;
  readonly beginLsn: string;
  readonly endedAt: string;
}

interface Watched {
  /** Of each minute: what stands open. */
  readonly open: readonly (readonly Json[])[];
  /** Of each minute: which parts were listed. */
  readonly listed: readonly (readonly ('whole' | 'range')[])[];
}

const BASE = { timeline: 1, beginLsn: '0/2000028', endedAt: '2026-11-24T01:00:00.000000Z' };

test('tells no hole after a change of timeline, and lists only what is new from then on', async () => {
  const { open, listed } = await watch([
    world([run(1, '0/1000000', '0/5800000'), run(2, '0/5000000', '0/5900000')], 2),
    world([run(1, '0/1000000', '0/5800000'), run(2, '0/5000000', '0/7100000')], 2),
    world([run(1, '0/1000000', '0/5800000'), run(2, '0/5000000', '0/7200000')], 2),
    world([run(1, '0/1000000', '0/5800000'), run(2, '0/5000000', '0/8400000')], 2),
  ]);

  expect(open).toEqual([[], [], [], []]);
  expect(listed).toEqual([['whole'], ['range'], ['range'], ['range']]);
});

test('sees a timeline begin before what it has seen of the one that was left', async () => {
  const { open } = await watch([
    world([run(1, '0/1000000', '0/9000000')], 1),
    world([run(1, '0/1000000', '0/9000000'), run(2, '0/5000000', '0/5900000')], 2),
  ]);

  expect(open).toEqual([[], []]);
});

test('a hole that stands is looked at alone, and is over when it has been filled', async () => {
  const before = [run(1, '0/2000000', '0/5800000'), run(2, '0/5000000', '0/6000000')];
  const broken = world([...before, run(2, '0/7000000', '0/8000000')], 2);
  const filled = world([...before.slice(0, 1), run(2, '0/5000000', '0/8100000')], 2);

  const { open, listed } = await watch([broken, broken, broken, filled]);

  expect(open.map((minute) => minute.length)).toEqual([1, 1, 1, 0]);
  expect(listed[2]).toEqual(['range']);
});

test('starts from the backup that was taken last, wherever its positions lie', async () => {
  const before = { ...BASE, beginLsn: '0/9000028' };
  const after = { timeline: 2, beginLsn: '0/6000028', endedAt: '2026-11-24T02:00:00.000000Z' };
  const runs = [run(1, '0/9000000', '0/A000000'), run(2, '0/5000000', '0/7000000')];

  const { open } = await watch([{ ...world(runs, 2), bases: [after, before] }]);

  expect(open).toEqual([[]]);
});

test('a backup on a newer timeline closes a hole on one that was left, at whatever position', async () => {
  const runs = [run(1, '0/2000000', '0/8000000'), run(1, '0/9000000', '0/A000000')];
  const base = { timeline: 2, beginLsn: '0/6000028', endedAt: '2026-11-24T02:00:00.000000Z' };
  const later = [...runs, run(2, '0/5000000', '0/7000000')];

  const { open } = await watch([world(runs, 1), { ...world(later, 2), bases: [BASE, base] }]);

  expect(open.map((minute) => minute.length)).toEqual([1, 0]);
});

test('after production itself went back before the newest backup there is no hole where none is', async () => {
  const old = run(1, '0/2000000', '0/9000000');
  const forks = [{ timeline: 2, parent: 1, lsn: toLsn('0/5800000') }];
  const behind = { timeline: 1, beginLsn: '0/7000028', endedAt: '2026-11-24T02:00:00.000000Z' };
  const bases = [BASE, behind];

  const { open, listed } = await watch([
    { ...world([old], 1), bases },
    { ...world([old, run(2, '0/5000000', '0/5900000')], 2), bases, forks },
    { ...world([old, run(2, '0/5000000', '0/7100000')], 2), bases, forks },
  ]);

  expect(open).toEqual([[], [], []]);
  expect(listed.at(-1)).toEqual(['range']);
});

test('what the new timeline lacks is a hole, although a newer backup lies on the one that was left', async () => {
  const forks = [{ timeline: 2, parent: 1, lsn: toLsn('0/5800000') }];
  const behind = { timeline: 1, beginLsn: '0/7000028', endedAt: '2026-11-24T02:00:00.000000Z' };
  const runs = [run(1, '0/2000000', '0/9000000'), run(2, '0/5000000', '0/6000000')];
  const broken = [...runs, run(2, '0/7000000', '0/8000000')];

  const { open } = await watch([{ ...world(broken, 2), bases: [BASE, behind], forks }]);

  expect(open[0]).toMatchObject([
    { severity: 'page', hole: { timeline: 2, fromLsn: '0/6000000', toLsn: '0/7000000' } },
  ]);
});

test('where no backup leads to the present timeline, that is said', async () => {
  const forks = [{ timeline: 2, parent: 1, lsn: toLsn('0/5800000') }];
  const behind = { timeline: 1, beginLsn: '0/7000028', endedAt: '2026-11-24T02:00:00.000000Z' };
  const runs = [run(1, '0/2000000', '0/9000000'), run(2, '0/5000000', '0/6000000')];

  const { open } = await watch([{ ...world(runs, 2), bases: [behind], forks }]);

  expect(JSON.stringify(open[0])).toContain('is behind a point to which no backup leads');
});

test('a hole that a later backup repaired is told until the window has passed it, and wakes nobody', async () => {
  const runs = [run(1, '0/2000000', '0/5000000'), run(1, '0/7000000', '0/9000000')];
  const repair = { timeline: 1, beginLsn: '0/8000028', endedAt: '2026-11-24T02:00:00.000000Z' };
  const later = { timeline: 1, beginLsn: '0/8800028', endedAt: '2026-11-24T03:00:00.000000Z' };
  const broken = world(runs, 1);

  const { open } = await watch(
    [
      broken,
      { ...broken, bases: [BASE, repair] },
      { ...broken, bases: [BASE, repair, later] },
      ...Array.from({ length: 62 }, () => ({ ...broken, bases: [BASE, repair, later] })),
    ],
    { pitr: 'PT22H30M' },
  );

  expect(open[0]).toMatchObject([{ severity: 'page', hole: { fromLsn: '0/5000000' } }]);
  for (const minute of open.slice(1, 3)) {
    expect(minute).toMatchObject([
      {
        severity: 'warn',
        older: [{ fromLsn: '0/5000000', toLsn: '0/7000000', repairedBy: '20261124T020000Z' }],
      },
    ]);
    expect(minute[0]).not.toHaveProperty('hole');
  }
  // The clock stands at midnight: two and a half hours after the repair fell out of the window.
  expect(open.at(-1)).toEqual([]);
});

test('every hole within reach is named, those that another store fills as such, and over with their backups', async () => {
  const runs = [
    run(1, '0/2000000', '0/3000000'),
    run(1, '0/4000000', '0/5000000'),
    run(1, '0/6000000', '0/9000000'),
  ];
  const west = [run(1, '0/2000000', '0/5000000')];
  const repair = { timeline: 1, beginLsn: '0/8000028', endedAt: '2026-11-24T02:00:00.000000Z' };
  const holed = { ...world(runs, 1), west, bases: [BASE, repair] };

  const { open } = await watch([holed, { ...holed, bases: [repair] }], { others: true });

  expect(open[0]).toMatchObject([
    {
      older: [
        { fromLsn: '0/3000000', toLsn: '0/4000000', elsewhere: true },
        { fromLsn: '0/5000000', toLsn: '0/6000000', elsewhere: false },
      ],
    },
  ]);
  expect(JSON.stringify(open[0])).toContain(
    'between 0/5000000 and 0/6000000 (16.8 MB, timeline 1; no moment from there to backup 20261124T020000Z can be reached)',
  );
  expect(open[1]).toEqual([]);
});

test('takes nothing for a hole that a new backup needs and that is not stored yet', async () => {
  const runs = [run(1, '0/2000000', '0/8000000')];
  const newest = { timeline: 1, beginLsn: '0/9000028', endedAt: '2026-11-24T02:00:00.000000Z' };

  const { open } = await watch([{ ...world(runs, 1), bases: [BASE, newest] }]);

  expect(JSON.stringify(open[0])).not.toContain('older');
});

test('a hole in the present is told together with those before it', async () => {
  const runs = [
    run(1, '0/2000000', '0/3000000'),
    run(1, '0/4000000', '0/6000000'),
    run(1, '0/7000000', '0/9000000'),
  ];
  const repair = { timeline: 1, beginLsn: '0/5000028', endedAt: '2026-11-24T02:00:00.000000Z' };

  const { open } = await watch([{ ...world(runs, 1), bases: [BASE, repair] }]);

  expect(open[0]).toMatchObject([
    {
      severity: 'page',
      hole: { fromLsn: '0/6000000', toLsn: '0/7000000' },
      older: [{ fromLsn: '0/3000000', toLsn: '0/4000000' }],
    },
  ]);
  expect(JSON.stringify(open[0])).toContain('Besides, it lacks what lies between 0/3000000');
});

function world(runs: readonly WalRun[], timeline: number): World {
  return { runs, timeline, storedLsn: runs.at(-1)?.toLsn ?? '0/0', bases: [BASE] };
}

function run(timeline: number, from: string, to: string): WalRun {
  return { timeline, fromLsn: toLsn(from), toLsn: toLsn(to) };
}

const WEST = memoryStore();

interface WatchOptions {
  readonly pitr?: string;
  readonly others?: boolean;
}

async function watch(
  minutes: readonly World[],
  { pitr, others = false }: WatchOptions = {},
): Promise<Watched> {
  const stopping = new AbortController();
  const findings = new Map<string, Json>();
  const open: (readonly Json[])[] = [];
  const listed: ('whole' | 'range')[][] = [[]];
  let ms = 0;
  function now(): World {
    const at = minutes[open.length];
    if (at === undefined) throw new TypeError('No minute is left');
    return at;
  }
  const clock = {
    now: () => Temporal.Instant.from('2026-11-25T00:00:00Z').add({ milliseconds: ms }),
    elapsedMs: () => ms,
    async sleep(durationMs: number) {
      ms += durationMs;
      if (durationMs !== MINUTE_MS) return;
      open.push([...findings.values()]);
      if (open.length === minutes.length) stopping.abort();
      else listed.push([]);
    },
  };
  const otherStores = others ? [{ name: 'west', store: WEST }] : [];
  const service = coverageService(
    { ...server(), pitr, otherStores },
    {
      clock,
      log: silentLog,
      follow: followWal,
      archive: {
        async inventory({ store, range }) {
          listed.at(-1)?.push(range === undefined ? 'whole' : 'range');
          const { runs, west = [], forks } = now();
          const listedRuns = (store === WEST ? west : runs).filter((one) => isAsked(one, range));
          return { ...inventory(listedRuns), ...(forks && { forks }) };
        },
      },
      catalog: {
        walProgress: { find: async () => progress(now()) },
        backups: { list: async () => now().bases.map(backup) },
        findings: {
          open: async ({ code, finding }) => findings.set(code, finding) !== undefined,
          close: async (code) => findings.delete(code),
          list: async () => [...findings.values()],
        },
      },
    },
  );
  await service.run({ signal: stopping.signal, ready: () => undefined });
  return { open, listed: listed.map((parts) => [...new Set(parts)]) };
}

function isAsked({ timeline }: WalRun, range: WalRun | undefined): boolean {
  return range === undefined || range.timeline === timeline;
}

function inventory(runs: readonly WalRun[]): WalInventory {
  return { runs, missing: [], histories: ['00000002.history'], segments: 9, storedBytes: 1 };
}

type Progress = Awaited<
  ReturnType<Parameters<typeof coverageService>[1]['catalog']['walProgress']['find']>
>;

function progress({ timeline, storedLsn }: World): Progress {
  const at = '2026-11-25T00:00:00.000000Z';
  const where = { server: 'shop', store: 'here', systemId: '73', timeline };
  return { ...where, storedLsn, serverLsn: storedLsn, at };
}

type Backup = Awaited<
  ReturnType<Parameters<typeof coverageService>[1]['catalog']['backups']['list']>
>[number];

function backup({ timeline, beginLsn, endedAt }: BaseMade): Backup {
  const backupId = backupIdAt(Temporal.Instant.from(endedAt));
  const cluster = { systemId: '73', major: 15, segmentBytes: 1 << 24 };
  const summary = { backupId, ...cluster, timeline, beginLsn, endLsn: beginLsn, endedAt };
  const proof = { verdict: 'PASS', verifiedAt: null, verifyRunId: null };
  return { server: 'shop', store: 'here', backupId, summary, ...proof };
}

function server(): ArchivingServer {
  return {
    name: testServerName('shop'),
    url: 'postgres://nowhere',
    storeName: 'here',
    store: memoryStore(),
    ring: keyRing(new Map([['k1', randomBytes(32)]])),
    tailSeconds: 1,
  };
}
