import { expect, test } from 'vitest';

import { addRequests, type RequestsFile, requestsOf } from '../../../src/monitoring/requests.ts';
import { RequestCounts } from '../../../src/storage/request-counts.ts';

const NOON = Temporal.Instant.from('2026-11-24T12:00:00Z');
const PRICES = { put: 0.005, get: 0.0004 };
const NOTHING: RequestsFile = { days: [] };

test('RequestCounts tells writing, listing, reading and removing apart, and begins anew when taken', () => {
  const counts = new RequestCounts();
  for (const command of ['PutObject', 'UploadPart', 'ListObjectsV2', 'HeadObject', 'DeleteObject'])
    counts.count('west', `${command}Command`);

  expect([...counts.take()]).toEqual([['west', { put: 2, list: 1, get: 1, remove: 1 }]]);
  expect([...counts.take()]).toEqual([]);
});

test('addRequests() keeps a week, each day by itself', () => {
  let file = NOTHING;
  for (let day = 0; day < 10; day++)
    file = addRequests(file, counted(1), NOON.add({ hours: 24 * day }));
  file = addRequests(file, counted(4), NOON.add({ hours: 24 * 9 + 1 }));

  expect(file.days).toHaveLength(7);
  expect(file.days.at(0)?.day).toBe('2026-11-27');
  expect(file.days.at(-1)?.stores['west']?.put).toBe(5);
});

test('requestsOf() tells what a day and a month cost, by what was counted', () => {
  const file = addRequests(NOTHING, counted(43_200), NOON);

  const asked = requestsOf(file, 'west', { now: NOON.add({ hours: 24 }), prices: PRICES });

  expect(asked).toMatchObject({ put: 43_200, perDay: 43_200 });
  // 43.2 thousand writes a day at half a cent.
  expect(asked?.monthlyCost).toBeCloseTo(43.2 * 0.005 * 30.44, 1);
});

test('requestsOf() guesses no day from a few minutes, and tells nothing of a folder', () => {
  const file = addRequests(NOTHING, counted(10), NOON);
  const now = NOON.add({ minutes: 5 });

  expect(requestsOf(file, 'west', { now, prices: PRICES })).toMatchObject({
    put: 10,
    perDay: null,
    monthlyCost: null,
  });
  expect(requestsOf(file, 'here', { now, prices: PRICES })).toBeUndefined();
});

function counted(put: number) {
  return new Map([['west', { put, list: 0, get: 0, remove: 0 }]]);
}
