/** Values that several sections share. */
import { describe, expect, test } from 'vitest';

import { cronText, durationText, zoneText } from '../../../src/config/values.ts';

describe('cronText', () => {
  test.each(['0 2 * * *', '*/15 * * * *', '0 2,14 1-7 jan-mar mon', '59 23 31 12 7'])(
    'takes "%s"',
    (text) => {
      expect(cronText.safeParse(text).success).toBe(true);
    },
  );

  test.each(['0 25 * * *', '0 2 * *', '60 2 * * *', '* * 0 * *', '0 2 * * */0', '5-1 * * * *', ''])(
    'refuses "%s"',
    (text) => {
      expect(cronText.safeParse(text).success).toBe(false);
    },
  );
});

test('durationText refuses what depends on a calendar', () => {
  expect(durationText.safeParse('PT5M').success).toBe(true);
  expect(durationText.safeParse('P1D').success).toBe(true);
  expect(durationText.safeParse('P1M').success).toBe(false);
  expect(durationText.safeParse('5 minutes').success).toBe(false);
});

test('zoneText refuses a zone that does not exist', () => {
  expect(zoneText.safeParse('Europe/Berlin').success).toBe(true);
  expect(zoneText.safeParse('Mars/Base').success).toBe(false);
});
