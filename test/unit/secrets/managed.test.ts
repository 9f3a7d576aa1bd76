/** Settings that Secrets Manager keeps: found, or told why not; the config is refused with all of it. */
import { describe, expect, test } from 'vitest';

import { managedReferences } from '../../../src/secrets/fill.ts';
import { readManaged } from '../../../src/secrets/managed.ts';
import type { SecretFound } from '../../../src/secrets/sources.ts';
import { awsError, memorySecrets } from '../../support/memory-secrets.ts';

const { signal } = new AbortController();
const ARN = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop-AbCdEf';

async function found(
  reference: string,
  environment: Record<string, string> = { AWS_REGION: 'us-east-1' },
): Promise<SecretFound | undefined> {
  const secrets = memorySecrets();
  const east = secrets.region('us-east-1');
  const west = secrets.region('eu-west-1');
  const text = '{"password":"p#w","port":5432,"nested":{}}';
  await east.create('prod/shop', { text, about: '' }, { signal });
  await east.create('token', { text: 'xoxb-1', about: '' }, { signal });
  await west.create(ARN, { text: 'far', about: '' }, { signal });
  secrets.failSecret('us-east-1', 'locked', awsError('AccessDeniedException', 'Not yours'));
  const answers = await readManaged([reference], {
    environment,
    signal,
    open: (region) => secrets.region(region),
  });
  return answers.get(reference);
}

describe('readManaged()', () => {
  test.each([
    ['secretsmanager:prod/shop#password', 'p#w'],
    ['secretsmanager:prod/shop#port', '5432'],
    ['secretsmanager:token', 'xoxb-1'],
    [`secretsmanager:${ARN}`, 'far'],
  ])('finds %s', async (reference, value) => {
    expect(await found(reference)).toEqual({ outcome: 'found', value, from: reference });
  });

  test.each([
    ['secretsmanager:prod/shop#user', /no field "user"/],
    ['secretsmanager:prod/shop#nested', /no field "nested"/],
    ['secretsmanager:token#field', /no field "field"/],
    ['secretsmanager:gone', /no such secret in this region/],
    ['secretsmanager:locked', /not allowed: Not yours/],
    ['secretsmanager:', /should be secretsmanager:NAME#field/],
  ])('tells why there is no %s, and shows no value', async (reference, why) => {
    const answer = await found(reference);

    expect(answer).toMatchObject({ outcome: 'missing' });
    expect(answer?.outcome === 'missing' ? answer.why : '').toMatch(why);
    expect(JSON.stringify(answer)).not.toMatch(/p#w|xoxb/);
  });

  test('asks for the region where nothing names one', async () => {
    expect(await found('secretsmanager:token', {})).toMatchObject({
      why: expect.stringContaining('AWS_REGION') as unknown,
    });
  });
});

test('managedReferences() finds each reference once, wherever it stands', () => {
  const data = {
    a: 'secretsmanager:x',
    b: [{ c: 'secretsmanager:x' }, 'secretsmanager:y#z'],
    d: 1,
  };

  expect(managedReferences(data)).toEqual(['secretsmanager:x', 'secretsmanager:y#z']);
});
