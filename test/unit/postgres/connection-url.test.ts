import { expect, test } from 'vitest';

import {
  describePlace,
  openClient,
  redactUrl,
  urlWithDatabase,
} from '../../../src/postgres/connection-url.ts';

test.each([
  ['postgres://u:s3cret@db:5432/shop', 'postgres://u:***@db:5432/shop'],
  ['postgres://u:s3@cr/et@db/shop', 'postgres://u:***@db/shop'],
  [
    'postgres://u@db/shop?password=s3cret&sslmode=require',
    'postgres://u@db/shop?password=***&sslmode=require',
  ],
  ['postgres://u@/shop?host=%2Frun', 'postgres://u@/shop?host=%2Frun'],
])('redactUrl() takes every secret out of %s', (url, redacted) => {
  expect(redactUrl(url)).toBe(redacted);
});

test.each([
  ['postgres://u:p@db:5432/shop?sslmode=require', 'postgres://u:p@db:5432/a%20b?sslmode=require'],
  ['postgres://u@db', 'postgres://u@db/a%20b'],
  ['postgres://u@/shop?host=%2Frun', 'postgres://u@/a%20b?host=%2Frun'],
])('urlWithDatabase() changes only the database of %s', (url, changed) => {
  expect(urlWithDatabase(url, 'a b')).toBe(changed);
});

test('openClient() reads a socket folder and names the place without credentials', () => {
  const client = openClient('postgres://u:s3cret@/shop?host=%2Frun%2Fpg&port=5433', {}, {});

  expect(describePlace(client)).toBe('shop at /run/pg:5433');
  expect(client.user).toBe('u');
});

test('openClient() refuses what is no connection URL, without quoting the password', () => {
  expect(() => openClient('postgres://u:s3cret@db:port/shop', {}, {})).toThrow(
    'Cannot connect to "postgres://u:***@db:port/shop"',
  );
});
