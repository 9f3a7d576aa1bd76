/** The plan of a restore of the shop, for tests of words. */
import { RestorePlan } from '../../src/recovery/point-in-time/plan.ts';

const BASE = {
  backupId: '20261122T021104Z',
  server: 'shop',
  major: 15,
  systemId: '7341',
  timeline: 1,
  segmentBytes: 16_777_216,
  beginLsn: '5/21000000',
  endLsn: '5/21000100',
  beganAt: '2026-11-22T02:11:04Z',
  endedAt: '2026-11-22T02:16:04Z',
  sourceBytes: 180_000_000_000,
  storedBytes: 18_200_000_000,
  files: 1000,
  packs: 70,
  keyId: 'k',
  damagedFiles: [],
};

export function samplePlan(more: Readonly<Record<string, unknown>> = {}): RestorePlan {
  return RestorePlan.parse({
    server: 'shop',
    store: 'west',
    target: { kind: 'time', asked: '15:40', at: '2026-11-22T14:40:00.000000Z' },
    targetUtc: '2026-11-22 14:40:00 UTC',
    targetLocal: '15:40:00 Berlin',
    base: BASE,
    path: {
      runs: [],
      timeline: 1,
      fromLsn: '5/21000000',
      toLsn: '5/4A7F0120',
      missing: [],
      broken: false,
    },
    walFrom: '5/21000000',
    walTo: '5/4A7F0120',
    segments: 42,
    covered: 'yes',
    database: 'shop',
    tables: [],
    into: null,
    keepSeconds: 7200,
    warnings: [],
    ...more,
  });
}
