/** A proof in words: what a person reads in a chat and at a terminal. */
import { describe, expect, test } from 'vitest';

import { proofWords } from '../../../src/verification/words.ts';
import { sampleFailedProof, sampleProof } from '../../support/proof-samples.ts';

function words(result: Parameters<typeof proofWords>[0]) {
  const read = proofWords(result);
  if (read === undefined) throw new Error('It is a proof');
  return read;
}

describe('proofWords()', () => {
  test('says which backup, why, from which store, and up to which position', () => {
    expect(words(sampleProof()).opening).toBe(
      'Backup 20261122T021104Z (the newest) was restored from west (proved longest ago) in 6 min 12 s and compared with production at log position 5/3A91F228.',
    );
  });

  test('measures what was found against what the config promises, and tells the next proof', () => {
    expect(words(sampleProof()).measured).toBe(
      'Data at risk now: 2.0 s (objective 5 min). Time to restore: 6 min 12 s (objective 30 min). Next proof tomorrow 04:00 UTC.',
    );
    expect(words(sampleProof({ rtoSeconds: 2520 })).measured).toContain(
      'Time to restore: 42 min, MORE than the objective of 30 min.',
    );
  });

  test.each([
    ['2026-11-22T23:30:00.000000Z', 'today 23:30 UTC'],
    ['2026-11-25T04:00:00.000000Z', '2026-11-25 04:00 UTC'],
  ])('says the day of the next proof as people do: %s is %s', (nextProofAt, said) => {
    expect(words(sampleProof({ nextProofAt })).measured).toContain(`Next proof ${said}.`);
  });

  test('promises nothing of today by a proof of an older backup', () => {
    const older = sampleProof({
      isNewest: false,
      isProofPoint: true,
      which: 'kept as monthly of August 2026, never proved',
    });

    expect(words(older).opening).toContain('(kept as monthly of August 2026, never proved)');
    expect(words(older).opening).toContain(
      'and compared with production as it stood at log position 5/3A91F228, when the backup was taken',
    );
    expect(words(older).measured).toBe(
      'Restoring it took 6 min 12 s. Next proof of the newest tomorrow 04:00 UTC.',
    );
  });

  test('tells of each table both counts, and its contents with their hash', () => {
    expect(words(sampleProof()).tables).toEqual([
      ['orders', '41,186,118', '41,186,118', 'equal, pages 1000 to 2000: 9182736455'],
      ['users', '50,000', '50,000', 'equal: -77'],
    ]);
  });

  test('puts first what failed, and a table that differs with both hashes', () => {
    const { bad, rows, tables } = words(sampleFailedProof());

    expect(bad).toEqual([
      '2 largest tables: orders has 41,186,117 rows, production has 41,186,118',
    ]);
    expect(rows).toContainEqual([
      'Table orders',
      'DIFFERENT',
      '41,186,117 rows in the copy, 41,186,118 in production; contents in pages 1000 to 2000: 9182736455 in production, 9182736454 in the copy',
    ]);
    expect(tables[0]).toEqual([
      'orders',
      '41,186,118',
      '41,186,117',
      'DIFFERENT in pages 1000 to 2000: 9182736455 in production, 9182736454 in the copy',
    ]);
  });

  test('says that a table is missing rather than how many rows it has', () => {
    const [orders] = sampleFailedProof().tables;
    if (orders === undefined) throw new Error('There is one');
    const reason = 'it is missing in the copy';
    const gone = { ...orders, restoredRows: null, restoredHash: null, reason };

    expect(words({ ...sampleFailedProof(), tables: [gone] }).rows).toContainEqual([
      'Table orders',
      'DIFFERENT',
      'it is missing in the copy, 41,186,118 rows in production',
    ]);
  });

  test('tells of many checks those that say most, and those that did not pass; the rest besides', () => {
    const more = ['Stored objects', 'Sequences', 'Collations'].map((check) => ({
      check,
      verdict: check === 'Collations' ? 'SKIPPED' : 'PASS',
      detail: 'seen',
      seconds: 0,
    }));

    const { rows, others, all } = words({
      ...sampleProof(),
      checks: [...more, ...sampleProof().checks],
    });

    expect(rows.map(([check]) => check)).toEqual([
      'Collations',
      'Restore',
      '2 largest tables',
      'Latest transaction',
      'Scratch cluster',
    ]);
    expect(others.map(([check]) => check)).toEqual(['Stored objects', 'Sequences']);
    expect(all).toHaveLength(7);
  });

  test('says why a table was compared by count alone, or not at all', () => {
    const [orders, users] = sampleProof().tables;
    if (orders === undefined || users === undefined) throw new Error('There are two');
    const rewritten = { ...orders, restoredHash: null, reason: 'rewritten since' };
    const missed = { ...users, equal: null, outcome: 'not compared', reason: 'the time was over' };

    const { tables } = words({ ...sampleProof(), tables: [rewritten, missed] });

    expect(tables.map((cells) => cells[3])).toEqual([
      'equal by count (rewritten since)',
      'not compared (the time was over)',
    ]);
  });

  test('shows the span in which a count may lie in mode bounded', () => {
    const table = {
      table: 'public.orders',
      sourceRows: 50_000,
      sourceRowsMin: 50_000,
      sourceRowsMax: 50_012,
      restoredRows: 50_007,
      equal: null,
      outcome: 'in bounds',
    };

    const bounded = words({ ...sampleProof(), mode: 'bounded', tables: [table] });

    expect(bounded.opening).toContain(
      ', up to log position 5/3A91F228, and compared with production.',
    );
    expect(bounded.tables).toEqual([['public.orders', '50,000 to 50,012', '50,007', 'in bounds']]);
  });

  test('does not say that a backup was compared where it could not be restored or judged', () => {
    const gone = { restoredToLsn: null, rtoSeconds: null, tables: [] };

    expect(words(sampleProof({ verdict: 'FAIL', ...gone })).opening).toBe(
      'Backup 20261122T021104Z (the newest) from west (proved longest ago) could not be restored.',
    );
    expect(words(sampleProof({ verdict: 'ERROR', ...gone })).opening).toContain(
      'could not be judged; it may well be good',
    );
    expect(words(sampleProof({ verdict: 'SKIPPED', ...gone })).opening).toContain('not looked at');
    expect(words(sampleProof({ tables: [] })).opening).toContain(', and looked at.');
    expect(words(sampleProof({ verdict: 'SKIPPED', tables: [] })).opening).toMatch(
      /was restored .*, and looked at\.$/,
    );
  });

  test('says what production paid, and what it might have', () => {
    const production = {
      snapshotSeconds: 81.2,
      limitSeconds: 3600,
      sessions: 2,
      readFromStandby: false,
    };

    expect(words(sampleProof({ production })).measured).toContain(
      'Production was read by 2 sessions, in a snapshot that became 1 min 21 s old (limit 1 h).',
    );
    const standby = { ...production, readFromStandby: true };
    expect(words(sampleProof({ production: standby })).measured).toContain(
      'A standby stood still for 1 min 21 s (limit 1 h), read by 2 sessions.',
    );
    const bounded = { production: { ...production, sessions: 1 }, mode: 'bounded' } as const;
    expect(words(sampleProof(bounded)).measured).toContain(
      'Production was read for 1 min 21 s (limit 1 h) by 1 session.',
    );
    expect(words(sampleProof({ production: null })).measured).not.toContain('read');
  });

  test('reads the answers of older versions, and no others', () => {
    expect(words({ verdict: 'PASS', backupId: '20261122T021104Z' }).opening).toContain('20261122');
    expect(proofWords({ ok: true })).toBeUndefined();
    expect(proofWords(null)).toBeUndefined();
  });
});
