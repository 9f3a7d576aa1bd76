/** Tests of choosing where to start from, and of saying why there is no such place. */
import fc from 'fast-check';
import { expect, test } from 'vitest';

import type { BackupSummary } from '../../../src/engines/engine.ts';
import type { WalInventory, WalRun } from '../../../src/engines/wal-archive.ts';
import { backupIdAt, isServerName } from '../../../src/kernel/ids.ts';
import { compareLsn, type Lsn, lsnFromBytes, toLsn } from '../../../src/kernel/lsn.ts';
import { segmentNameAt } from '../../../src/kernel/wal-name.ts';
import {
  type BaseChoice,
  type ChoiceFacts,
  chooseBase,
} from '../../../src/recovery/choose-base.ts';
import type { Target } from '../../../src/recovery/target.ts';

const SEGMENT = 16 * 1024 * 1024;
const BEGIN = Temporal.Instant.from('2026-11-22T02:00:00Z');

/** In these tests the server writes one segment an hour from segment 1 on. */
function lsnAt(hours: number): Lsn {
  return lsnFromBytes(BigInt(Math.round((1 + hours) * SEGMENT)));
}

function momentAt(hours: number): string {
  return BEGIN.add({ seconds: Math.round(hours * 3600) }).toString();
}

function backup(hours: number, more: Partial<BackupSummary> = {}): BackupSummary {
  const server = 'shop';
  if (!isServerName(server)) throw new Error('unreachable');
  return {
    backupId: backupIdAt(Temporal.Instant.from(momentAt(hours))),
    server,
    major: 15,
    systemId: '7341',
    timeline: 1,
    segmentBytes: SEGMENT,
    beginLsn: lsnAt(hours),
    endLsn: lsnAt(hours + 0.1),
    beganAt: momentAt(hours),
    endedAt: momentAt(hours + 0.1),
    sourceBytes: 1,
    storedBytes: 1,
    files: 1,
    packs: 1,
    keyId: 'k',
    damagedFiles: [],
    ...more,
  };
}

function run(from: number, to: number, timeline = 1): WalRun {
  return { timeline, fromLsn: lsnAt(from), toLsn: lsnAt(to) };
}

function facts(backups: readonly BackupSummary[], runs: readonly WalRun[]): ChoiceFacts {
  const missing = runs
    .slice(1)
    .map(({ fromLsn, timeline }) =>
      segmentNameAt(
        timeline,
        lsnFromBytes(BigInt(`0x${fromLsn.split('/')[1] ?? ''}`) - 1n),
        SEGMENT,
      ),
    );
  const inventory: WalInventory = { runs, missing, histories: [], segments: 1, storedBytes: 1 };
  const { timeline = 1, toLsn: end = lsnAt(0) } = runs.at(-1) ?? {};
  return {
    backups,
    inventories: new Map(backups.map(({ systemId }) => [systemId, inventory])),
    progress: { systemId: '7341', timeline, lsn: end, at: Temporal.Instant.from(momentAt(12)) },
  };
}

function time(hours: number): Target {
  return { kind: 'time', asked: 'x', at: momentAt(hours) };
}

function lsn(hours: number): Target {
  return { kind: 'lsn', asked: 'x', lsn: lsnAt(hours) };
}

const LATEST: Target = { kind: 'latest', asked: 'latest' };

function baseOf(choice: BaseChoice): string {
  return choice.outcome === 'found' ? choice.base.backupId : choice.outcome;
}

test('believes no moment that a clock noted which ran ahead: whether the target is stored is not known', () => {
  const now = Temporal.Instant.from(momentAt(8));
  const ahead = backup(7, { endedAt: momentAt(20) });
  const all = { ...facts([backup(0), ahead], [run(0, 7.5)]), now };
  const target: Target = { kind: 'time', asked: '', at: momentAt(7.9) };

  expect(chooseBase(all, target)).toMatchObject({ outcome: 'found', covered: 'unknown' });
  expect(chooseBase(facts([backup(0), ahead], [run(0, 7.5)]), target)).toMatchObject({
    covered: 'yes',
  });
});

test('chooseBase() starts from the newest backup that had ended before the target', () => {
  const all = facts([backup(0), backup(4), backup(8)], [run(0, 12)]);

  expect(baseOf(chooseBase(all, time(5)))).toBe(backup(4).backupId);
  expect(baseOf(chooseBase(all, LATEST))).toBe(backup(8).backupId);
  expect(baseOf(chooseBase(all, lsn(4.05)))).toBe(backup(0).backupId);
});

test('chooseBase() counts the end of a backup, not its beginning: until then it is not whole', () => {
  const all = facts([backup(0), backup(4)], [run(0, 12)]);

  expect(baseOf(chooseBase(all, time(4.05)))).toBe(backup(0).backupId);
  expect(baseOf(chooseBase(all, time(4.1)))).toBe(backup(4).backupId);
});

test('chooseBase() says that there are no backups', () => {
  expect(chooseBase(facts([], []), LATEST)).toEqual({ outcome: 'no backups' });
});

test('chooseBase() says the earliest moment when the target lies before it', () => {
  const choice = chooseBase(facts([backup(4), backup(2)], [run(0, 12)]), time(1));

  expect(choice).toMatchObject({
    outcome: 'target too early',
    earliest: Temporal.Instant.from(momentAt(2.1)),
  });
});

test('chooseBase() returns to a backup that was thinned out only as it ended, and to its proof point', () => {
  const [proved, plain] = [backup(0, { proofLsn: lsnAt(0.6) }), backup(4)];
  const all = facts([proved, plain], [run(0, 1), run(4, 5), run(8, 12)]);
  const mark = { timeline: 1, lsn: lsnAt(8) };
  const inventories = new Map(
    [...all.inventories].map(([id, inventory]) => [id, { ...inventory, thinned: [mark] }]),
  );
  function chosen(target: Target): string {
    return baseOf(chooseBase({ ...all, inventories }, target));
  }

  for (const target of [lsn(0.1), lsn(0.4), lsn(0.6), time(0.1)])
    expect(chosen(target)).toBe(proved.backupId);
  expect(chosen(lsn(4.1))).toBe(plain.backupId);
  for (const target of [lsn(0.7), lsn(4.2), time(0.4), time(4.6)])
    expect(chosen(target)).toBe('hole');
});

test('chooseBase() says up to where WAL is stored when the target lies behind it', () => {
  const all = facts([backup(0)], [run(0, 12)]);

  expect(chooseBase(all, time(12.5))).toMatchObject({
    outcome: 'after last wal',
    at: Temporal.Instant.from(momentAt(12)),
  });
  expect(chooseBase(all, lsn(12.5))).toMatchObject({ outcome: 'after last wal', lsn: lsnAt(12) });
});

test('chooseBase() cannot tell the last moment from the store alone, and lets replay find out', () => {
  const all = { ...facts([backup(0)], [run(0, 12)]), progress: undefined };

  expect(chooseBase(all, time(20))).toMatchObject({ outcome: 'found', covered: 'unknown' });
});

test('chooseBase() refuses the newest moment across a hole, with the names of what is missing', () => {
  const choice = chooseBase(facts([backup(0)], [run(0, 5), run(6, 12)]), LATEST);

  expect(choice).toMatchObject({ outcome: 'hole', missing: ['000000010000000000000006'] });
});

test('chooseBase() still serves targets before a hole', () => {
  const all = facts([backup(0), backup(2)], [run(0, 5), run(6, 12)]);

  expect(chooseBase(all, lsn(4.9))).toMatchObject({ outcome: 'found', covered: 'yes' });
  expect(chooseBase(all, time(2))).toMatchObject({ outcome: 'found', covered: 'yes' });
  expect(chooseBase(all, time(4))).toMatchObject({ outcome: 'found', covered: 'unknown' });
});

test('chooseBase() goes around a hole when a backup was taken behind it', () => {
  const all = facts([backup(0), backup(7)], [run(0, 5), run(6, 12)]);

  expect(baseOf(chooseBase(all, LATEST))).toBe(backup(7).backupId);
});

test('chooseBase() passes over a backup whose own WAL is gone', () => {
  const all = facts([backup(0), backup(5.95)], [run(0, 5.96), run(7, 12)]);

  const xid: Target = { kind: 'xid', asked: 'xid:700', xid: '700' };
  expect(baseOf(chooseBase(all, xid))).toBe(backup(0).backupId);
  // That moment lies in what is gone.
  expect(chooseBase(all, time(6.5)).outcome).toBe('hole');
});

test('chooseBase() takes a damaged backup only when there is no other', () => {
  const damaged = backup(4, { damagedFiles: ['base/1/2'] });

  expect(baseOf(chooseBase(facts([backup(0), damaged], [run(0, 12)]), LATEST))).toBe(
    backup(0).backupId,
  );
  expect(baseOf(chooseBase(facts([damaged], [run(0, 12)]), LATEST))).toBe(damaged.backupId);
});

test('chooseBase() keeps positions of an older cluster apart from those of the newest', () => {
  const old = backup(0, { systemId: '1111' });
  const all = facts([old, backup(4)], [run(0, 12)]);

  expect(chooseBase(all, lsn(2))).toMatchObject({ outcome: 'target too early' });
  expect(baseOf(chooseBase(all, time(2)))).toBe(old.backupId);
});

test('chooseBase() follows a new timeline whose history is stored', () => {
  const all = facts([backup(0)], [run(0, 5, 1), run(4, 12, 2)]);
  const inventory = all.inventories.get('7341');
  if (inventory === undefined) throw new Error('unreachable');
  const histories = ['00000002.history'];

  const choice = chooseBase(
    { ...all, inventories: new Map([['7341', { ...inventory, histories }]]) },
    LATEST,
  );

  expect(choice).toMatchObject({ path: { timeline: 2, toLsn: lsnAt(12) } });
});

test('chooseBase() never starts from a backup that ended after the target, nor lacks its WAL', () => {
  const hour = fc.double({ min: 0, max: 10, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(hour, { maxLength: 6 }),
      hour,
      hour,
      fc.boolean(),
      (hours, cut, at, asLsn) => {
        const all = facts(
          hours.map((one) => backup(one)),
          [run(0, cut), run(cut + 1, 12)],
        );
        const target = asLsn ? lsn(at) : time(at);

        const choice = chooseBase(all, target);

        if (choice.outcome !== 'found') return;
        expect(fits(choice, target)).toBe(true);
      },
    ),
  );
});

function fits({ base, path }: Extract<BaseChoice, { outcome: 'found' }>, target: Target): boolean {
  if (compareLsn(path.toLsn, base.endLsn) < 0) return false;
  switch (target.kind) {
    case 'time':
      return !isAfter(base.endedAt, target.at);
    case 'lsn': {
      const asked = toLsn(target.lsn);
      return compareLsn(base.endLsn, asked) <= 0 && compareLsn(asked, path.toLsn) <= 0;
    }
    case 'xid':
    case 'latest':
      return true;
    default:
      throw new TypeError(`Unreachable target: ${JSON.stringify(target satisfies never)}`);
  }
}

function isAfter(a: string, b: string): boolean {
  return Temporal.Instant.compare(Temporal.Instant.from(a), Temporal.Instant.from(b)) > 0;
}

test('chooseBase() starts from a backup that failed only when no other one serves', () => {
  const [older, newer] = [backup(0), backup(2)];
  const known = facts([older, newer], [run(0, 4)]);

  const spared = chooseBase(
    { ...known, failed: new Set([newer.backupId]) },
    { kind: 'latest', asked: 'latest' },
  );
  const alone = chooseBase(
    { ...known, failed: new Set([older.backupId, newer.backupId]) },
    { kind: 'latest', asked: 'latest' },
  );

  expect(spared).toMatchObject({ outcome: 'found', base: { backupId: older.backupId } });
  expect(alone).toMatchObject({ outcome: 'found', base: { backupId: newer.backupId } });
});

test('chooseBase() does not take the end of the log for the newest moment when a later backup lies behind it', () => {
  const [older, newer] = [backup(0), backup(4)];

  const choice = chooseBase(facts([older, newer], [run(0, 3)]), {
    kind: 'latest',
    asked: 'latest',
  });

  expect(choice).toMatchObject({ outcome: 'hole', base: { backupId: newer.backupId } });
});

test('a time behind a hole is refused once it is known that the log had grown beyond it by then', () => {
  // Taken at hour 1; the segments of hours 4 to 5 are missing; the receiver told of hour 12.
  const world = facts([backup(1)], [run(1, 4), run(5, 12)]);
  const at = Temporal.Instant.from(momentAt(6));
  const noticed = { systemId: '7341', timeline: 1, lsn: lsnAt(5), at };

  expect(chooseBase(world, time(3)).outcome).toBe('found');
  expect(chooseBase(world, time(8))).toMatchObject({ outcome: 'found', covered: 'unknown' });
  const told = { ...world, beyond: [noticed] };
  expect(chooseBase(told, time(3))).toMatchObject({ outcome: 'found', covered: 'unknown' });
  expect(chooseBase(told, time(8)).outcome).toBe('hole');
  expect(chooseBase(world, time(12)).outcome).toBe('hole');
  // Another cluster's position, or a moment that a wrong clock told, shows nothing.
  const other = { ...world, beyond: [{ ...noticed, systemId: '99' }] };
  expect(chooseBase(other, time(8)).outcome).toBe('found');
  const early = { ...told, now: Temporal.Instant.from(momentAt(2)) };
  expect(chooseBase(early, time(8)).outcome).toBe('found');
});

test('what was known of a timeline that was left shows nothing of a hole on the one that goes on', () => {
  // Taken back at hour 4: timeline 2 begins there, and its hole at hour 5. Timeline 1 had come to hour 7.
  const all = facts([backup(1)], [run(1, 4, 1), run(4, 5, 2), run(6, 12, 2)]);
  const inventories = new Map(
    [...all.inventories].map(([id, log]) => [id, { ...log, histories: ['00000002.history'] }]),
  );
  const world = { ...all, inventories, progress: undefined };
  const at = Temporal.Instant.from(momentAt(7));
  const noticed = { systemId: '7341', timeline: 1, lsn: lsnAt(7), at };

  for (const left of [{ beyond: [noticed] }, { progress: noticed }])
    expect(chooseBase({ ...world, ...left }, time(8))).toMatchObject({
      outcome: 'found',
      path: { timeline: 2, broken: true },
    });
  for (const own of [{ beyond: [{ ...noticed, timeline: 2 }] }, { progress: all.progress }])
    expect(chooseBase({ ...world, ...own }, time(12)).outcome).toBe('hole');
});

test('a bad backup behind a hole shows that a time after it lies behind the hole', () => {
  // The log of the backup of hour 6 itself is not whole: it cannot be begun from.
  const backups = [backup(1), backup(6)];
  const world = { ...facts(backups, [run(1, 4), run(7, 12)]), progress: undefined };

  expect(chooseBase(world, time(8)).outcome).toBe('hole');
  expect(chooseBase(world, time(5)).outcome).toBe('found');
  // After a failover the same position is of another moment.
  const left = { ...world, backups: [backup(1), backup(6, { timeline: 7 })] };
  expect(chooseBase(left, time(8)).outcome).toBe('found');
});
