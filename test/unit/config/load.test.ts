/** A whole config: every error at once, what is filled in, what cannot be changed. */

import { describe, expect, test } from 'vitest';
import { EXAMPLE_CONFIG } from '../../../src/config/example.ts';
import { explainConfig } from '../../../src/config/explain.ts';
import { issueText } from '../../../src/config/issue.ts';
import { configFile, invalidConfig, parseConfig } from '../../../src/config/load.ts';

const FILE = '/etc/dbdr/dbdr.yaml';
const GOOD = `
timezone: Europe/Berlin
servers:
  shop:
    url: postgres://dbdr:\${SHOP_PASSWORD}@db.internal:5432/shop
    stores: [here]
stores:
  here: { kind: directory, path: ./store }
keys: { kind: file, path: ./keyring.json }
`;
const SLACK = `
slack:
  channels: { ops: C0OPS, stakeholders: C0NEWS }
  people: { operators: [U0ANA], approvers: [U0BEN] }
`;

function issuesOf(text: string, environment: Record<string, string> = { SHOP_PASSWORD: 'x' }) {
  return parseConfig(text, { file: FILE, environment }).issues.map(issueText);
}

describe('parseConfig()', () => {
  test('tells four errors at once, each with its line, its path and the near word', () => {
    const text = GOOD.replace('stores: [here]', 'stors: [here]\n    stores: [heer]')
      .replace('Europe/Berlin', 'Mars/Base')
      .replace('path: ./keyring.json', 'pth: ./keyring.json');

    expect(issuesOf(text)).toEqual([
      'line 2, timezone: must be an IANA time zone such as Europe/Berlin',
      'line 6, servers.shop.stors: unknown key (did you mean "stores"?)',
      'line 7, servers.shop.stores[0]: there is no store "heer" (did you mean "here"?)',
      'line 10, keys.path: is missing: must be text',
      'line 10, keys.pth: unknown key (did you mean "path"?)',
    ]);
  });

  test('says of RDS why it cannot be streamed, instead of only what is known', () => {
    const text = GOOD.replace('stores: [here]', 'engine: rds\n    stores: [here]');

    expect(issuesOf(text)).toEqual([
      expect.stringMatching(/^line 6, servers\.shop\.engine: cannot be "rds" yet: .*streaming is/),
    ]);
  });

  test('tells what only several sections show together, whatever else is wrong', () => {
    const text = `${GOOD.replace('[here]', '[heer, 7, here]').replace('kind: file', 'extra: 1, kind: safe')}
slack:
  channels: { ops: C0OPS, stakeholders: C0NEWS }
  people: { operators: [U0ANA], approvers: [U0BEN] }
  approvals: { high: 2 }
`;

    expect(issuesOf(text)).toEqual([
      'line 6, servers.shop.stores[0]: there is no store "heer" (did you mean "here"?)',
      'line 6, servers.shop.stores[1]: must be text',
      'line 9, keys.kind: must be one of "file", "secrets-manager"',
      expect.stringContaining('slack.bot_token: the environment has no SLACK_BOT_TOKEN'),
      expect.stringContaining('slack.signing_secret: the environment has no'),
      expect.stringContaining('slack.approvals.high: 2 people must approve and only 1 may'),
    ]);
  });

  test('tells two stores in one bucket, and a misspelt key of any kind of store', () => {
    const west = '{ kind: s3, bucket: shop-west, region: us-west-2, PLUS }';
    const twice = GOOD.replace(
      /( *)here: .*/,
      (line, indent: string) =>
        `${line}\n${indent}one: ${west.replace(', PLUS', '')}\n${indent}two: ${west.replace('PLUS', 'prefx: a')}`,
    );

    expect(issuesOf(twice)).toEqual([
      expect.stringContaining(
        'stores.two.bucket: the store "one" is in the same bucket and prefix',
      ),
      expect.stringContaining('stores.two.prefx: unknown key (did you mean "prefix"?)'),
    ]);
  });

  test('says nothing of store names when the stores cannot be read at all', () => {
    const text = GOOD.replace(/here: .*/, '- here').replace('[here]', '[heer]');

    expect(issuesOf(text)).toEqual(['line 7, stores: must be a section with names of its own']);
  });

  test('tells missing secrets and unknown stores together', () => {
    expect(issuesOf(GOOD.replace('[here]', '[heer]'), {})).toEqual([
      expect.stringContaining('line 5, servers.shop.url: the environment has no SHOP_PASSWORD'),
      'line 6, servers.shop.stores[0]: there is no store "heer" (did you mean "here"?)',
    ]);
  });

  test('asks for the secrets that only defaults name', () => {
    expect(issuesOf(GOOD + SLACK)).toEqual([
      expect.stringContaining('slack.bot_token: the environment has no SLACK_BOT_TOKEN'),
      expect.stringContaining('slack.signing_secret: the environment has no SLACK_SIGNING_SECRET'),
    ]);
  });

  test('tells a routing key that is missing, or is none, and shows neither', () => {
    const text = `${GOOD}\nalerts: { pagerduty: { routing_key: "\${PAGER}" } }`;

    expect(issuesOf(text)[0]).toContain(
      'alerts.pagerduty.routing_key: the environment has no PAGER',
    );
    const [told = ''] = issuesOf(text, { SHOP_PASSWORD: 'x', PAGER: 'too-short' });
    expect(told).toContain('alerts.pagerduty.routing_key: must be the 32 letters and digits');
    expect(told).not.toContain('too-short');
  });

  test.each(['PT0S', '-PT1H', 'PT14M'])('tells no page again after %s', (after) => {
    const text = `${GOOD}\nalerts: { remind_after: ${after} }`;

    expect(issuesOf(text)).toContainEqual(
      expect.stringMatching(/alerts\.remind_after: must be at least PT15M$/),
    );
    expect(issuesOf(text.replace(after, 'PT15M')).join()).not.toContain('alerts');
  });

  test('refuses approvals that nobody can satisfy', () => {
    const secrets = { SHOP_PASSWORD: 'x', SLACK_BOT_TOKEN: 'x', SLACK_SIGNING_SECRET: 'x' };

    expect(issuesOf(`${GOOD}${SLACK}  approvals: { high: 2 }\n`, secrets)).toEqual([
      expect.stringContaining('slack.approvals.high: 2 people must approve and only 1 may'),
    ]);
  });

  test('takes from Secrets Manager what was asked for, and tells at its place what was not given', () => {
    const reference = 'secretsmanager:prod#url';
    const text = GOOD.replace(/url: .*/, `url: ${reference}`);
    const value = 'postgres://dbdr:geheim@db.internal:5432/shop';
    const options = { file: '/etc/dbdr/dbdr.yaml', environment: { SHOP_PASSWORD: 'x' } };
    const found = { outcome: 'found', value, from: reference } as const;
    const missing = { outcome: 'missing', why: 'the secret "prod" has no field "url"' } as const;

    const given = parseConfig(text, { ...options, managed: new Map([[reference, found]]) });
    const refused = parseConfig(text, { ...options, managed: new Map([[reference, missing]]) });

    expect(given.config?.servers).toMatchObject({ shop: { url: value } });
    expect(JSON.stringify(explainConfig(given))).not.toContain('geheim');
    expect(refused.issues).toMatchObject([{ path: 'servers.shop.url', message: missing.why }]);
    expect(issuesOf(text)).toEqual([expect.stringContaining('was not asked')]);
  });

  test('refuses two stores in one folder, for the second copy would not exist', () => {
    const text = GOOD.replace('[here]', '[here, there]').replace(
      '  here: {',
      '  there: { kind: directory, path: store }\n  here: {',
    );

    expect(issuesOf(text)).toEqual([expect.stringContaining('there would be one copy, not two')]);
  });

  test('tells a price for a store that does not exist, a price below nothing and a day that is none', () => {
    const table = `prices: { as_of: 2026-02-30, currency: usd, per_gb_month: { heer: {}, here: { STANDARD: -1 } } }`;

    expect(issuesOf(GOOD + table)).toEqual([
      expect.stringContaining('prices.as_of: '),
      expect.stringContaining('prices.currency: must be three capital letters, such as USD'),
      expect.stringContaining('heer: there is no store "heer" (did you mean "here"?)'),
      expect.stringContaining('here.STANDARD: '),
    ]);
  });

  test('tells where YAML itself is broken', () => {
    expect(issuesOf('servers: [1\nstores: {')).not.toEqual([]);
    expect(issuesOf('timezone: UTC\ntimezone: UTC')).toEqual([
      expect.stringContaining('line 2: not YAML'),
    ]);
  });

  test('says what is missing in an empty file', () => {
    expect(issuesOf('')).toEqual([
      'line 1, keys: is missing: must be a section with keys of its own',
      'line 1, servers: is missing: must be a section with names of its own',
      'line 1, stores: is missing: must be a section with names of its own',
    ]);
  });

  test('never shows a secret in what is wrong', () => {
    const environment = { SHOP_PASSWORD: 'hunter2' };
    const { issues } = parseConfig(GOOD.replace('/shop\n', '\n'), { file: FILE, environment });

    expect(issues).toHaveLength(1);
    expect(invalidConfig(FILE, issues).message).not.toContain('hunter2');
  });

  test('answers a config that cannot be changed, with paths from the folder of its file', () => {
    const environment = { SHOP_PASSWORD: 'x' };
    const { config } = parseConfig(GOOD, { file: FILE, environment });

    expect(config?.state).toBe('/etc/dbdr/state');
    expect(config?.stores['here']).toEqual({ kind: 'directory', path: '/etc/dbdr/store' });
    expect(config?.scratch.path).toBe('/etc/dbdr/state/scratch');
    expect(config?.keys).toMatchObject({ kind: 'file', path: '/etc/dbdr/keyring.json' });
    expect(Object.isFrozen(config?.servers)).toBe(true);
  });

  test('takes the example as it is printed', () => {
    expect(issuesOf(EXAMPLE_CONFIG)).toEqual([]);
  });

  test('takes the sections that the example shows as comments, once they are none', () => {
    const [before = '', ...sections] = EXAMPLE_CONFIG.split(/^(?=# (?:prices|alerts|slack):)/m);
    const text = [before.replaceAll(/^ {2}# /gm, '  '), ...sections]
      .join('')
      .replaceAll(/^# (?! )(?=prices|alerts|slack)|^# (?= )/gm, '');
    const tokens = { SLACK_BOT_TOKEN: 'b', SLACK_SIGNING_SECRET: 's' };
    const environment = { SHOP_PASSWORD: 'x', PAGERDUTY_ROUTING_KEY: 'R'.repeat(32), ...tokens };

    const { config, issues } = parseConfig(text, { file: FILE, environment });

    expect(issues).toEqual([]);
    expect(config?.prices?.per_gb_month).toEqual({ here: { STANDARD: 0.023 } });
    expect(config?.slack?.port).toBe(3001);
    expect(config?.alerts.pagerduty).toMatchObject({ url: 'https://events.pagerduty.com' });
    expect(config?.stores['far']).toMatchObject({ kind: 's3', bucket: 'my-backups' });
  });
});

describe('configFile()', () => {
  const directory = '/srv';

  test('prefers the flag, then the environment, then the working directory', () => {
    const environment = { DBDR_CONFIG: 'other.yaml' };

    expect(configFile({ file: 'mine.yaml', environment, directory })).toBe('/srv/mine.yaml');
    expect(configFile({ environment, directory })).toBe('/srv/other.yaml');
    expect(configFile({ environment: {}, directory })).toBe('/srv/dbdr.yaml');
  });
});
