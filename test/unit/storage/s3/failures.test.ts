import { expect, test } from 'vitest';

import { canTryAgain, isUnclear, readFailure } from '../../../../src/storage/s3/failures.ts';

function answer(status: number, name: string, more: object = {}): Error {
  return Object.assign(new Error('Told'), {
    name,
    $fault: status < 500 ? 'client' : 'server',
    $metadata: { httpStatusCode: status },
    ...more,
  });
}

function network(code: string): Error {
  return Object.assign(new Error('It broke'), { code });
}

test.each([
  [answer(500, 'InternalError'), true, true],
  [answer(503, 'SlowDown'), true, false],
  [answer(429, 'TooManyRequests'), true, false],
  [answer(409, 'ConditionalRequestConflict'), true, false],
  [answer(400, 'RequestTimeout'), true, false],
  [answer(400, 'BadDigest'), true, false],
  [answer(403, 'AccessDenied'), false, false],
  [answer(404, 'NoSuchKey'), false, false],
  [answer(412, 'PreconditionFailed'), false, false],
  [answer(501, 'NotImplemented'), false, true],
  [network('ECONNRESET'), true, true],
  [network('HPE_INVALID_EOF_STATE'), true, true],
  [network('ECONNREFUSED'), true, false],
  [network('ENOTFOUND'), true, false],
  [network('CERT_HAS_EXPIRED'), false, false],
  [new TypeError('A bug'), false, false],
])('%s may be tried again: %s; may have been done: %s', (error, again, unclear) => {
  const failure = readFailure(error);

  expect(canTryAgain(failure)).toBe(again);
  expect(isUnclear(failure)).toBe(unclear);
});

test('reads where a bucket is, from the header or from what is said', () => {
  const header = { $response: { headers: { 'x-amz-bucket-region': 'eu-west-3' } } };
  const said = Object.assign(answer(400, 'AuthorizationHeaderMalformed'), {
    message: "the region 'us-east-1' is wrong; expecting 'eu-central-1'",
  });

  expect(readFailure(answer(301, 'PermanentRedirect', header)).region).toBe('eu-west-3');
  expect(readFailure(said).region).toBe('eu-central-1');
});

test('takes nothing for an answer that was none', () => {
  const failure = readFailure(Object.assign(network('ETIMEDOUT'), { $metadata: {} }));

  expect(failure).toMatchObject({ status: undefined, code: 'ETIMEDOUT' });
  expect(readFailure('torn')).toMatchObject({ status: undefined, code: 'Error', message: 'torn' });
});
