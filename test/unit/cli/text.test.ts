/** Results as a person reads them. */
import { describe, expect, test } from 'vitest';

import { labelOf, resultText, valueText } from '../../../src/cli/text.ts';

const READER = { zone: 'Europe/Berlin', now: Temporal.Instant.from('2026-11-22T15:00:00Z') };

describe('resultText()', () => {
  test('says sizes, lengths and moments in words', () => {
    const result = {
      backupId: '20261122T144000Z',
      endedAt: '2026-11-22T14:40:00.123456Z',
      storedBytes: 4_600_000,
      rpoSeconds: 2,
    };

    expect(resultText(result, READER)).toBe(
      [
        'Backup id  20261122T144000Z',
        'Ended      2026-11-22 14:40:00 UTC (15:40:00 Berlin, 20 minutes ago)',
        'Stored     4.6 MB',
        'RPO        2.0 s',
      ].join('\n'),
    );
  });

  test('shows a list of equal things as a table', () => {
    const checks = [
      { check: 'Restore', verdict: 'PASS' },
      { check: 'Tables', verdict: 'FAIL' },
    ];

    expect(resultText({ checks }, READER)).toBe(
      'Checks\n  Verdict  Check\n  PASS     Restore\n  FAIL     Tables',
    );
  });

  test('says that a list is empty, and nothing of what is not there', () => {
    expect(resultText({ findings: [], why: null }, READER)).toBe('Findings  none');
  });
});

test('valueText() says that what could not be measured is unknown', () => {
  expect(valueText('lagBytes', null, READER)).toBe('unknown');
});

test.each([
  ['lastBackupAt', 'Last backup'],
  ['joinSql', 'Join SQL'],
  ['rtoSeconds', 'RTO'],
  ['at', 'At'],
])('labelOf("%s") is "%s"', (key, label) => {
  expect(labelOf(key)).toBe(label);
});
