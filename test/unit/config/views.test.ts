/** What rooms take from a config. */
import { describe, expect, test } from 'vitest';

import { parseConfig } from '../../../src/config/load.ts';
import { opsAudience, schedulesOf, tuningOf, watchedServers } from '../../../src/config/views.ts';

const environment = { SLACK_BOT_TOKEN: 'x', SLACK_SIGNING_SECRET: 'x' };
const TEXT = `
timezone: Europe/Berlin
servers:
  shop: { url: postgres://db.internal/shop, stores: [here], objectives: { rpo: PT1M } }
stores:
  here: { kind: directory, path: ./store }
keys: { kind: file, path: ./keyring.json }
`;
const SLACK = `
slack:
  channels: { ops: C0OPS, stakeholders: C0NEWS }
  people: { operators: [U0ANA], approvers: [U0BEN] }
`;

function configOf(text: string) {
  const { config } = parseConfig(text, { file: '/srv/dbdr.yaml', environment });
  if (config === undefined) throw new TypeError('The config is not valid');
  return config;
}

describe('schedulesOf()', () => {
  test('asks for a backup, its proof and that of an older one of each server, and speaks of them in the ops channel', () => {
    expect(schedulesOf(configOf(TEXT + SLACK))).toEqual([
      {
        name: 'backup:shop',
        cron: '0 2 * * *',
        zone: 'Europe/Berlin',
        ask: { operation: 'backup', input: { server: 'shop' }, audience: 'slack:C0OPS' },
      },
      {
        name: 'verify:shop',
        cron: '0 4 * * *',
        zone: 'Europe/Berlin',
        ask: { operation: 'verify', input: { server: 'shop' }, audience: 'slack:C0OPS' },
      },
      {
        name: 'verify-older:shop',
        cron: '0 5 * * 0',
        zone: 'Europe/Berlin',
        ask: {
          operation: 'verify',
          input: { server: 'shop', older: true },
          audience: 'slack:C0OPS',
        },
      },
      {
        name: 'keys',
        cron: '30 5 * * *',
        zone: 'Europe/Berlin',
        ask: { operation: 'keys', input: { action: 'check' }, audience: 'slack:C0OPS' },
      },
    ]);
  });

  test('speaks nowhere without a chat', () => {
    expect(opsAudience(configOf(TEXT))).toBeUndefined();
  });
});

test('tuningOf() says how a server is backed up, and nothing of one that is gone', () => {
  const slow = 'backup: { compression: none, level: 3, workers: 1, max_bytes_per_second: 5000000 }';

  expect(tuningOf(configOf(TEXT), 'shop')).toEqual({ compression: { method: 'zstd', level: 1 } });
  expect(tuningOf(configOf(TEXT.replace('objectives:', `${slow}, objectives:`)), 'shop')).toEqual({
    compression: { method: 'none', level: 3 },
    maxBytesPerSecond: 5_000_000,
    workers: 1,
  });
  expect(tuningOf(configOf(TEXT), 'gone')).toEqual({});
});

test('watchedServers() answers objectives in seconds', () => {
  expect(watchedServers(configOf(TEXT))).toMatchObject([
    { rpoSeconds: 60, rtoSeconds: 1800, alarmHours: 26 },
  ]);
});
