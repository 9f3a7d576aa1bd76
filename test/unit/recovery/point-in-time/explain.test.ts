/** Tests of what a person reads before a restore. */
import { expect, test } from 'vitest';

import { explainRestore } from '../../../../src/recovery/point-in-time/explain.ts';
import type { RestorePlan } from '../../../../src/recovery/point-in-time/plan.ts';
import { samplePlan } from '../../../support/restore-plan.ts';

function plan(more: Readonly<Record<string, unknown>> = {}): RestorePlan {
  return samplePlan({ tables: ['orders'], ...more });
}

const OUTLOOK = {
  forecastSeconds: 240,
  forecastFromSeconds: 180,
  forecastToSeconds: 360,
  forecastBasis: '3 earlier restores',
  age: '17 minutes ago',
  neededBytes: 190_000_000_000,
  freeBytes: 212_000_000_000,
};

test('explainRestore() says target, base, WAL, what is read and written, forecast and danger', () => {
  const explanation = explainRestore(plan(), OUTLOOK);

  expect(explanation.title).toBe('Restore orders of shop to 2026-11-22 14:40:00 UTC');
  expect(explanation.facts).toEqual([
    ['Target', '2026-11-22 14:40:00 UTC (15:40:00 Berlin, 17 minutes ago)'],
    ['Base', '20261122T021104Z in west'],
    ['WAL', '42 segments from 5/21000000 to 5/4A7F0120, no holes'],
    ['Reads', '18.2 GB from west'],
    ['Writes', '180 GB to a scratch cluster (212 GB free)'],
    ['Forecast', '4 min (3 min to 6 min; 3 earlier restores)'],
    [
      'Danger',
      'low: goes to a scratch place. Bringing it back into production will need an approval, or --yes --reason at a terminal',
    ],
  ]);
});

test('explainRestore() gives the exact terminal command, with the absolute moment', () => {
  expect(explainRestore(plan()).command).toBe(
    'npx dbdr restore shop --to 2026-11-22T14:40:00.000000Z --tables orders --database shop',
  );
});

test('explainRestore() without tables promises no effect on production', () => {
  const explanation = explainRestore(plan({ tables: [] }));

  expect(explanation.title).toBe('Restore shop to 2026-11-22 14:40:00 UTC');
  expect(Object.fromEntries(explanation.facts)['Danger']).toBe('low: goes to a scratch place');
});
