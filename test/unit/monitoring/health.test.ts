/** Whether the bot lives, from what it last said of itself. */
import { describe, expect, test } from 'vitest';

import { judgeHealth, steadyServices } from '../../../src/monitoring/health.ts';

const NOW = Temporal.Instant.from('2026-11-22T15:00:00Z');

function said(state: string, at = '2026-11-22T14:59:58.000000Z'): string {
  const services = [{ name: 'runner', state, since: null, why: null }];
  return JSON.stringify({ pid: 7, at, services });
}

describe('judgeHealth()', () => {
  test('is ready when every service is, or stands by for another process', () => {
    expect(judgeHealth(said('ready'), NOW)).toMatchObject({ live: true, ready: true, why: null });
    expect(judgeHealth(said('standing by'), NOW)).toMatchObject({ live: true, ready: true });
  });

  test('lives and is not ready when a service fails', () => {
    expect(judgeHealth(said('failing'), NOW)).toMatchObject({
      live: true,
      ready: false,
      why: 'runner is failing',
    });
  });

  test('is dead when it has said nothing for too long', () => {
    expect(judgeHealth(said('ready', '2026-11-22T14:59:00.000000Z'), NOW)).toMatchObject({
      live: false,
      why: 'The bot last gave a sign of life 60 seconds ago',
    });
  });

  test('is dead when what it said cannot be read', () => {
    expect(judgeHealth('{"pid":', NOW)).toMatchObject({ live: false, ready: false });
  });
});

describe('steadyServices()', () => {
  test('names those that have been ready for ten minutes', () => {
    const services = [
      { name: 'new', state: 'ready', since: '2026-11-22T14:50:01.000000Z', why: null },
      { name: 'old', state: 'ready', since: '2026-11-22T14:50:00.000000Z', why: null },
      { name: 'ill', state: 'failing', since: '2026-11-22T14:00:00.000000Z', why: 'it is' },
    ] as const;

    expect(steadyServices(services, NOW)).toEqual(['old']);
  });
});
