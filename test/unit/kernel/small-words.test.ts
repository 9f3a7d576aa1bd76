/** The kernel's smaller words: sizes, waits, verdicts, identifiers, JSON that can be hashed. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { backoffMs } from '../../../src/kernel/backoff.ts';
import { canonicalJson, hashJson, utcText } from '../../../src/kernel/codecs.ts';
import { backupIdAt, isServerName, newRunId } from '../../../src/kernel/ids.ts';
import { formatBytes } from '../../../src/kernel/size.ts';
import { combineVerdicts, VERDICTS } from '../../../src/kernel/verdict.ts';

describe('the kernel’s small words', () => {
  test('formatBytes() uses the units stores bill in', () => {
    expect([0, 999, 61_000_000, 18_200_000_000, 212e9].map(formatBytes)).toEqual([
      '0 B',
      '999 B',
      '61.0 MB',
      '18.2 GB',
      '212 GB',
    ]);
  });

  test('backoffMs() grows, never passes its cap and never falls below half', () => {
    const policy = { firstMs: 100, capMs: 30_000 };
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempt, random) => {
          const full = Math.min(30_000, 100 * 2 ** Math.min(attempt - 1, 30));
          const waitMs = backoffMs(attempt, policy, random);
          expect(waitMs).toBeGreaterThanOrEqual(Math.floor(full / 2));
          expect(waitMs).toBeLessThanOrEqual(30_000);
        },
      ),
    );
  });

  test('combineVerdicts() never turns could-not-tell or skipped into PASS', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...VERDICTS)), (verdicts) => {
        const one = combineVerdicts(verdicts);
        if (one !== 'PASS') return;
        expect(verdicts).toContain('PASS');
        expect(verdicts.some((verdict) => verdict === 'FAIL' || verdict === 'ERROR')).toBe(false);
      }),
    );
    expect(combineVerdicts([])).toBe('SKIPPED');
    expect(combineVerdicts(['PASS', 'ERROR', 'FAIL'])).toBe('FAIL');
  });

  test('hashJson() does not care about the order of keys, and does about everything else', () => {
    expect(hashJson({ a: 1, b: [{ d: 2, c: 3 }] })).toBe(hashJson({ b: [{ c: 3, d: 2 }], a: 1 }));
    expect(hashJson({ a: 1 })).not.toBe(hashJson({ a: '1' }));
    expect(canonicalJson({ b: null, a: [2, 1] })).toBe('{"a":[2,1],"b":null}');
  });

  test('utcText() always has six digits, so that moments sort as text', () => {
    expect(utcText(Temporal.Instant.from('2026-11-22T14:46:44.5Z'))).toBe(
      '2026-11-22T14:46:44.500000Z',
    );
    expect(utcText(Temporal.Instant.from('2026-11-22T14:46:44Z'))).toBe(
      '2026-11-22T14:46:44.000000Z',
    );
  });

  test('identifiers tell their second and pass their guards', () => {
    const at = Temporal.Instant.from('2026-11-22T01:02:03.999Z');

    expect(backupIdAt(at)).toBe('20261122T010203Z');
    expect(newRunId(at)).toMatch(/^r-20261122T010203-[0-9a-f]{6}$/);
    expect(['shop', 'a-1', 'Shop', '-a', '', 'a/b'].map(isServerName)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});
