/** Tests of finding the server that is meant. */
import { expect, test } from 'vitest';

import { isServerName, type ServerName } from '../../../src/kernel/ids.ts';
import type { RecoveryServer } from '../../../src/recovery/deps.ts';
import { namesInUrl } from '../../../src/recovery/server-url.ts';
import { requireServer } from '../../../src/recovery/servers.ts';

function servers(...names: readonly string[]): Map<ServerName, RecoveryServer> {
  return new Map(names.filter((name) => isServerName(name)).map((name) => [name, { url: name }]));
}

test('requireServer() takes the only one when none is named', () => {
  expect(requireServer(servers('shop'), undefined).name).toBe('shop');
  expect(() => requireServer(servers('shop', 'crm'), undefined)).toThrow('shop, crm');
});

test('requireServer() suggests the name that was likely meant', () => {
  expect(() => requireServer(servers('shop', 'crm'), 'shpo')).toThrow(
    expect.objectContaining({ hint: 'Did you mean `shop`?' }),
  );
});

test.each([
  ['postgres://dbdr:pw@db:5432/shop', { role: 'dbdr', database: 'shop' }],
  ['postgres://postgres@/shop?host=%2Ftmp%2Fs&port=5432', { role: 'postgres', database: 'shop' }],
  ['postgres:///shop?host=/tmp/s&user=ana', { role: 'ana', database: 'shop' }],
  ['postgresql://ana@db', { role: 'ana', database: 'ana' }],
  ['postgres://a%40b@db/my%20shop', { role: 'a@b', database: 'my shop' }],
])('namesInUrl() reads role and database of %s', (url, names) => {
  expect(namesInUrl(url)).toEqual(names);
});
