/** Where each value came from, and no secret among them. */
import { describe, expect, test } from 'vitest';

import { explainConfig, redactUrl } from '../../../src/config/explain.ts';
import { parseConfig } from '../../../src/config/load.ts';

const TEXT = `
servers:
  shop:
    url: postgres://dbdr:\${SHOP_PASSWORD}@db.internal/shop
    stores: [here]
  blog:
    url: postgres://dbdr:letmein@db.internal/blog
    stores: [here]
stores:
  here: { kind: directory, path: ./store }
keys: { kind: file, path: ./keyring.json }
alerts: { pagerduty: { routing_key: 0123456789abcdef0123456789abcdef } }
`;

describe('explainConfig()', () => {
  const environment = { SHOP_PASSWORD: 'hunter2' };
  const values = explainConfig(parseConfig(TEXT, { file: '/srv/dbdr.yaml', environment }));

  test('says default, line or environment', () => {
    const from = Object.fromEntries(values.map((value) => [value.path, value.from]));

    expect(from['timezone']).toBe('default');
    expect(from['servers.shop.stores[0]']).toBe('line 5');
    expect(from['servers.shop.url']).toBe('environment SHOP_PASSWORD (line 4)');
  });

  test('shows no secret, wherever it came from', () => {
    const text = JSON.stringify(values);

    expect(text).not.toContain('hunter2');
    expect(text).not.toContain('letmein');
    expect(text).not.toContain('0123456789abcdef');
    expect(text).toContain('postgres://dbdr:(hidden)@db.internal/blog');
  });

  test('works on a broken config', () => {
    const broken = parseConfig(TEXT.replace('stores: [here]', 'stors: [here]'), {
      file: '/srv/dbdr.yaml',
      environment,
    });

    expect(broken.config).toBeUndefined();
    expect(explainConfig(broken).map(({ path }) => path)).toContain('servers.shop.stors[0]');
  });
});

describe('redactUrl()', () => {
  test.each([
    ['postgres://a:b@c/d', 'postgres://a:(hidden)@c/d'],
    ['postgres://a:b@x:y@c/d', 'postgres://a:(hidden)@c/d'],
    ['postgres://c/d?password=b&x=1', 'postgres://c/d?password=(hidden)&x=1'],
    ['see http://127.0.0.1:3000/x', 'see http://127.0.0.1:3000/x'],
  ])('turns %s into %s', (text, clean) => {
    expect(redactUrl(text)).toBe(clean);
  });
});
