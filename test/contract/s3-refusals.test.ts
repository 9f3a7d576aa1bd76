/** What a server may answer instead of doing it, and what is told: what is, what should be, what to do. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { isProblem, type Problem } from '../../src/kernel/problem.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { type S3StoreParts, s3Store } from '../../src/storage/s3/store.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { type Fault, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { objectKey } from '../support/object-keys.ts';
import { IMPATIENT } from '../support/s3-requests.ts';

const KEY = objectKey('shop/base/one');
const { signal } = new AbortController();
const NOBODY: S3StoreParts = {
  // At 14:46.
  clock: fakeClock(),
  random: () => 0,
  warn: () => undefined,
  limits: { ...IMPATIENT, attemptsMax: 1 },
};
let proxy: FaultProxy;

beforeEach(async () => {
  proxy = await startFaultProxy('http://127.0.0.1:9');
});
afterEach(async () => proxy[Symbol.asyncDispose]());

function storeAt(endpoint: string, session?: { readonly profile: string }): ObjectStore {
  return s3Store(
    {
      bucket: 'backups',
      region: 'us-east-1',
      endpoint,
      forcePathStyle: true,
      credentials: session ?? { accessKeyId: 'key', secretAccessKey: 'secret' },
    },
    NOBODY,
  );
}

async function refusalOf(
  endpoint: string,
  session?: { readonly profile: string },
): Promise<Problem> {
  const error: unknown = await storeAt(endpoint, session)
    .open(KEY, { signal })
    .catch((thrown: unknown) => thrown);
  if (!isProblem(error)) throw new TypeError(`Not a problem: ${String(error)}`);
  return error;
}

async function answered(answer: Omit<Fault & { kind: 'answer' }, 'kind'>): Promise<Problem> {
  proxy.choose = () => ({ kind: 'answer', ...answer });
  return await refusalOf(proxy.endpoint);
}

test('a clock that is off is told by how much, and is not corrected in silence', async () => {
  const ahead = await answered({
    status: 403,
    code: 'RequestTimeTooSkewed',
    headers: { date: 'Sun, 22 Nov 2026 13:46:00 GMT' },
  });
  const behind = await answered({
    status: 403,
    code: 'RequestTimeTooSkewed',
    headers: { date: 'Sun, 22 Nov 2026 15:06:00 GMT' },
  });

  expect(ahead.kind.code).toBe('STORAGE_CLOCK_SKEWED');
  expect(ahead.message).toContain("the clock of this machine is 60 minutes ahead of the server's");
  expect(behind.message).toContain('20 minutes behind');
});

test.each([
  ['ExpiredToken', 400, 'STORAGE_CREDENTIALS_REFUSED', 'the session token has expired'],
  ['InvalidToken', 400, 'STORAGE_CREDENTIALS_REFUSED', 'is not valid'],
  ['InvalidAccessKeyId', 403, 'STORAGE_CREDENTIALS_REFUSED', 'does not know the access key'],
  ['SignatureDoesNotMatch', 403, 'STORAGE_CREDENTIALS_REFUSED', 'secret access key'],
  ['AccessDenied', 403, 'STORAGE_DENIED', 'may not do s3:GetObject'],
  ['NoSuchBucket', 404, 'STORAGE_BUCKET_MISSING', 'no bucket "backups" in us-east-1'],
  ['NoSuchKey', 404, 'STORAGE_OBJECT_MISSING', 'no such object'],
  ['InvalidObjectState', 403, 'STORAGE_ANSWER_UNEXPECTED', 'archive class'],
  ['SlowDown', 503, 'STORAGE_BUSY', 'SlowDown'],
  ['QuotaExceeded', 409, 'STORAGE_FULL', 'no room'],
  ['MalformedXML', 400, 'STORAGE_ANSWER_UNEXPECTED', '400 MalformedXML'],
  ['InternalError', 500, 'STORAGE_ANSWER_UNEXPECTED', '500 InternalError'],
])('%s (%i) is %s', async (code, status, kind, why) => {
  const problem = await answered({ status, code });

  expect(problem.kind.code).toBe(kind);
  expect(problem.message).toContain(`Cannot read "${KEY}" in the store "s3://backups/`);
  expect(problem.message).toContain(why);
});

test('a bucket in another region is told with the region to write', async () => {
  const problem = await answered({
    status: 301,
    code: 'PermanentRedirect',
    headers: { 'x-amz-bucket-region': 'eu-west-3' },
  });

  expect(problem.kind.code).toBe('STORAGE_REGION_WRONG');
  expect(problem.message).toContain('is in eu-west-3, and the config says us-east-1');
  expect(problem.hint).toBe('Write `region: eu-west-3` in the config of this store.');
});

test('a token that has expired is asked for anew where it came from, once', async () => {
  let asked = 0;
  proxy.choose = () =>
    asked++ === 0
      ? { kind: 'answer', status: 400, code: 'ExpiredToken' }
      : { kind: 'answer', status: 404, code: 'NoSuchKey' };

  const problem = await refusalOf(proxy.endpoint);

  expect(problem.kind.code).toBe('STORAGE_OBJECT_MISSING');
  expect(asked).toBe(2);
});

test.each([
  ['in another order', ['a/2', 'a/1']],
  ['the same page again and again', ['a/1']],
])('a server that lists %s is told, and no list is without end', async (_how, keys) => {
  const items = keys.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`).join('');
  const more = '<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>';
  const body = `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult>${items}${more}</ListBucketResult>`;
  proxy.choose = () => ({ kind: 'answer', status: 200, code: '', body });

  const listing = Array.fromAsync(storeAt(proxy.endpoint).list('', { signal }));

  await expect(listing).rejects.toMatchObject({ kind: { code: 'STORAGE_ANSWER_UNEXPECTED' } });
  await expect(listing).rejects.toThrow('should list in order');
});

test('credentials that are nowhere are told with where to put them', async () => {
  const problem = await refusalOf(proxy.endpoint, { profile: 'a-profile-that-nobody-has' });

  expect(problem.kind.code).toBe('STORAGE_CREDENTIALS_REFUSED');
  expect(problem.message).toContain('there are no credentials');
  expect(problem.hint).toContain('AWS_PROFILE');
});

test('a server that does not speak TLS, and one that nobody trusts, are told apart from a dead one', async () => {
  await using untrusted = await startUntrusted();

  const plain = await refusalOf(proxy.endpoint.replace('http:', 'https:'));
  const stranger = await refusalOf(untrusted.endpoint);
  const dead = await refusalOf('http://127.0.0.1:9');

  for (const problem of [plain, stranger, dead])
    expect(problem.kind.code).toBe('STORAGE_UNREACHABLE');
  expect(plain.hint).toContain('https://');
  expect(stranger.message).toContain('cannot be trusted');
  expect(dead.message).toContain('does not answer');
});

/** Speaks TLS, and has no certificate to show. */
async function startUntrusted(): Promise<{ endpoint: string } & AsyncDisposable> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address: AddressInfo | string | null = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    endpoint: `https://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
