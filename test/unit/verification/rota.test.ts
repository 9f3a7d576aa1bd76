/** Which older backup is proved next, and how it is said why. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  chooseOlder,
  copiesInTurn,
  dueUnderOlderKeys,
  type Rota,
  type RotaBackup,
  type RotaCopy,
} from '../../../src/verification/rota.ts';
import { sampleBackup } from '../../support/sample-backup.ts';

function copy(verifiedAt: string | null, verdict = 'PASS', store = 'here'): RotaCopy {
  return { store, verdict: verifiedAt === null ? null : verdict, verifiedAt };
}

interface Said {
  readonly tiers?: readonly string[];
  readonly copies?: readonly RotaCopy[];
  readonly keyId?: string;
  readonly damagedFiles?: readonly string[];
}

function backup(day: string, said: Said = {}): RotaBackup {
  const { tiers = [], copies = [copy(null)], keyId = 'k1', damagedFiles = [] } = said;
  return { summary: sampleBackup(`${day}T02:00:05Z`, { keyId, damagedFiles }), copies, tiers };
}

function rota(backups: readonly RotaBackup[], keyIds: readonly string[] = ['k1']): Rota {
  return { backups, keyIds, zone: 'Europe/Berlin' };
}

function turnOf(backups: readonly RotaBackup[], keyIds?: readonly string[]) {
  const turn = chooseOlder(rota(backups, keyIds));
  return turn === undefined
    ? undefined
    : `${turn.backup.summary.beganAt.slice(0, 10)}: ${turn.which}`;
}

const NEWEST = backup('2026-11-24', { tiers: ['daily', 'weekly', 'monthly'] });

describe('chooseOlder()', () => {
  test('takes the one that was never proved, the oldest of several, and says what keeps it', () => {
    const backups = [
      NEWEST,
      backup('2026-09-30', { tiers: ['monthly'] }),
      backup('2026-08-31', { tiers: ['monthly'] }),
      backup('2026-07-31', { tiers: ['monthly'], copies: [copy('2026-10-01T05:00:00.000000Z')] }),
    ];

    expect(turnOf(backups)).toBe('2026-08-31: kept as monthly of August 2026, never proved');
  });

  test('takes the one whose proof is longest ago where all were proved, in whatever store', () => {
    const backups = [
      NEWEST,
      backup('2026-10-31', { tiers: ['monthly'], copies: [copy('2026-11-01T04:00:00.000000Z')] }),
      backup('2026-11-14', {
        tiers: ['weekly'],
        copies: [
          copy('2026-10-20T04:00:00.000000Z'),
          copy('2026-11-21T04:00:00.000000Z', 'PASS', 'west'),
        ],
      }),
    ];

    expect(turnOf(backups)).toBe(
      '2026-10-31: kept as monthly of October 2026, last proved 2026-11-01',
    );
  });

  test('moves on from one that could not be judged, and says so when its turn comes again', () => {
    const tried = copy('2026-11-15T05:00:00.000000Z', 'ERROR');
    const first = backup('2026-08-31', { tiers: ['monthly'], copies: [tried] });
    const later = copy('2026-11-22T05:00:00.000000Z');

    expect(turnOf([NEWEST, first, backup('2026-11-15', { tiers: ['weekly'] })])).toBe(
      '2026-11-15: kept as weekly of 2026-W46, never proved',
    );
    expect(
      turnOf([NEWEST, first, backup('2026-11-15', { tiers: ['weekly'], copies: [later] })]),
    ).toBe('2026-08-31: kept as monthly of August 2026, not proved when last tried, 2026-11-15');
  });

  test('never takes one that no rule keeps, or one that is known to be bad', () => {
    const backups = [
      NEWEST,
      backup('2026-11-20'),
      backup('2026-10-31', { tiers: ['monthly'], copies: [copy('2026-11-01', 'FAIL')] }),
      backup('2026-09-30', { tiers: ['monthly'], damagedFiles: ['base/1/2'] }),
    ];

    expect(turnOf(backups)).toBeUndefined();
  });

  test('takes a daily one where a young server has no other, and none where there is one backup', () => {
    const daily = backup('2026-11-23', { tiers: ['daily'] });

    expect(turnOf([NEWEST, daily])).toBe('2026-11-23: kept as daily of 2026-11-23, never proved');
    expect(turnOf([NEWEST])).toBeUndefined();
    expect(turnOf([])).toBeUndefined();
  });

  test('says months and days of the zone: the last evening of August is September in Berlin', () => {
    const evening = backup('2026-08-31', { tiers: ['monthly'] });
    const summary = { ...evening.summary, beganAt: '2026-08-31T22:30:00Z' };

    expect(turnOf([NEWEST, { ...evening, summary }])).toContain('monthly of September 2026');
  });
});

describe('dueUnderOlderKeys()', () => {
  const old = backup('2026-08-31', {
    tiers: ['monthly'],
    copies: [copy('2026-09-01T04:00:00.000000Z')],
  });
  const older = [old, backup('2026-11-20', { tiers: ['daily'] })];
  const rotated = [
    ...older,
    backup('2026-11-22', { keyId: 'k2' }),
    backup('2026-11-24', { keyId: 'k2' }),
  ];

  test('asks for the oldest backup under each older key once a newer key is in use', () => {
    expect(turnOf(rotated, ['k1', 'k2'])).toBe(
      '2026-08-31: the oldest under key k1; none under it was proved since key k2 came into use',
    );
  });

  test('asks for nothing before a backup uses the new key', () => {
    expect(dueUnderOlderKeys(rota(older, ['k1', 'k2']))).toEqual([]);
  });

  test('is content with a proof of any of them since then, and not with one that could not judge', () => {
    const since = '2026-11-23T04:00:00.000000Z';
    const [, second, ...rest] = rotated;
    if (second === undefined) throw new Error('There are four');

    const proved = [old, { ...second, copies: [copy(since)] }, ...rest];
    const tried = [{ ...old, copies: [copy(since, 'ERROR')] }, second, ...rest];

    expect(dueUnderOlderKeys(rota(proved, ['k1', 'k2']))).toEqual([]);
    expect(dueUnderOlderKeys(rota(tried, ['k1', 'k2']))).toHaveLength(1);
  });

  test('goes on to the next one where the oldest is known to be bad, and takes none that may go', () => {
    const failed = { ...old, copies: [copy('2026-11-23T04:00:00.000000Z', 'FAIL')] };
    const goes = backup('2026-11-10');
    const stays = backup('2026-11-20', { tiers: ['daily'] });

    const [due] = dueUnderOlderKeys(
      rota([failed, goes, stays, ...rotated.slice(-2)], ['k1', 'k2']),
    );

    expect(due?.backup).toBe(stays);
  });

  test('takes the generations in the order in which they were made, each with its oldest', () => {
    const backups = [
      backup('2026-11-24', { keyId: 'a3' }),
      backup('2026-11-20', { keyId: 'z1' }),
      backup('2026-11-22', { keyId: 'b2' }),
      backup('2026-11-21', { keyId: 'b2' }),
    ];

    const due = dueUnderOlderKeys(rota(backups, ['z1', 'b2', 'a3']));

    expect(due.map(({ backup: { summary } }) => summary.beganAt.slice(0, 10))).toEqual([
      '2026-11-20',
      '2026-11-21',
    ]);
  });
});

test('copiesInTurn() begins with the copy that was never proved, and leaves out a bad one', () => {
  const copies = [
    copy('2026-11-20T04:00:00.000000Z', 'PASS', 'here'),
    copy('2026-11-22T04:00:00.000000Z', 'FAIL', 'west'),
    copy(null, 'PASS', 'far'),
  ];

  expect(copiesInTurn(backup('2026-11-20', { copies }))).toEqual(['far', 'here']);
});

const anyBackup = fc.record({
  day: fc.integer({ min: 0, max: 400 }),
  tiers: fc.subarray(['daily', 'weekly', 'monthly']),
  keyId: fc.constantFrom('k1', 'k2', 'k3'),
  isDamaged: fc.boolean(),
  copies: fc.array(
    fc.record({
      store: fc.constantFrom('here', 'west'),
      verdict: fc.constantFrom('PASS', 'FAIL', 'ERROR', null),
      age: fc.integer({ min: 0, max: 400 }),
    }),
    { minLength: 1, maxLength: 2 },
  ),
});

function dayText(day: number): string {
  return Temporal.PlainDate.from('2025-10-01').add({ days: day }).toString();
}

test('never the newest, never a bad one, and each that stays for long within as many turns', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(anyBackup, { minLength: 1, selector: ({ day }) => day }),
      (drawn) => {
        let backups = drawn.map(({ day, tiers, keyId, isDamaged, copies }) =>
          backup(dayText(day), {
            tiers,
            keyId,
            damagedFiles: isDamaged ? ['base/1/2'] : [],
            copies: copies.map(({ store, verdict, age }) =>
              copy(
                verdict === null ? null : `${dayText(age)}T04:00:00.000000Z`,
                verdict ?? '',
                store,
              ),
            ),
          }),
        );
        const newest = backups.toSorted((a, b) => (dayOf(a) < dayOf(b) ? -1 : 1)).at(-1);
        const long = backups.filter((one) => one !== newest && isGood(one) && isKeptLong(one));
        const proved = new Set<string>();

        // Of each of the two older keys one may come first.
        for (let number = 0; number < backups.length + 2; number += 1) {
          const turn = chooseOlder(rota(backups, ['k1', 'k2', 'k3']));
          if (turn === undefined) break;
          expect(dayOf(turn.backup)).not.toBe(newest === undefined ? '' : dayOf(newest));
          expect(isGood(turn.backup)).toBe(true);
          proved.add(dayOf(turn.backup));
          const at = Temporal.Instant.from('2027-01-01T04:00:00Z').add({ hours: number });
          const copies = [copy(at.toString({ smallestUnit: 'microsecond' }))];
          backups = backups.map((one) => (one === turn.backup ? { ...one, copies } : one));
        }

        expect(long.filter((one) => !proved.has(dayOf(one)))).toEqual([]);
      },
    ),
  );
});

function dayOf({ summary }: RotaBackup): string {
  return summary.beganAt.slice(0, 10);
}

function isGood({ summary, copies }: RotaBackup): boolean {
  const verdicts = copies.map(({ verdict }) => verdict);
  return (
    summary.damagedFiles.length === 0 && (verdicts.includes('PASS') || !verdicts.includes('FAIL'))
  );
}

function isKeptLong({ tiers }: RotaBackup): boolean {
  return tiers.includes('weekly') || tiers.includes('monthly');
}
