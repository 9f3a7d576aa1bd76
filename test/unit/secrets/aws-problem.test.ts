import { describe, expect, test } from 'vitest';

import { secretProblem } from '../../../src/secrets/aws-problem.ts';
import { awsError } from '../../support/memory-secrets.ts';

const PLACE = { action: 'read', name: 'dbdr/production/active', region: 'us-west-2' };

const MARKED = 'You can’t perform this operation on the secret because it was marked for deletion.';
const NO_RIGHT =
  'User: arn:aws:sts::1:assumed-role/dbdr/i-0 is not authorized to perform: secretsmanager:GetSecretValue';
const OLD_SIGNATURE = 'Signature expired: 20261124T100000Z is now earlier than 20261124T104500Z';
const WRONG_SCOPE = 'Credential should be scoped to a valid region.';

describe('secretProblem()', () => {
  test.each([
    ['no such secret', awsError('ResourceNotFoundException'), 'SECRET_MISSING', 'never'],
    ['marked for deletion', awsError('InvalidRequestException', MARKED), 'SECRET_DELETED', 'never'],
    ['no right', awsError('AccessDeniedException', NO_RIGHT), 'SECRET_DENIED', 'never'],
    ['no right on the KMS key', awsError('DecryptionFailure'), 'SECRET_DENIED', 'never'],
    ['an old session', awsError('ExpiredTokenException'), 'SECRET_TOKEN_EXPIRED', 'later'],
    ['no credentials', awsError('CredentialsProviderError'), 'SECRET_CREDENTIALS', 'never'],
    ['foreign credentials', awsError('UnrecognizedClientException'), 'SECRET_CREDENTIALS', 'never'],
    [
      'a wrong clock',
      awsError('InvalidSignatureException', OLD_SIGNATURE),
      'SECRET_CLOCK_WRONG',
      'later',
    ],
    [
      'a wrong region',
      awsError('SignatureDoesNotMatch', WRONG_SCOPE),
      'SECRET_CREDENTIALS',
      'never',
    ],
    [
      'no such region',
      awsError('Error', '', { code: 'ENOTFOUND' }),
      'SECRET_REGION_UNKNOWN',
      'later',
    ],
    [
      'a closed port',
      awsError('Error', '', { code: 'ECONNREFUSED' }),
      'SECRET_UNREACHABLE',
      'later',
    ],
    ['silence', awsError('TimeoutError'), 'SECRET_UNREACHABLE', 'later'],
    ['a busy region', awsError('ThrottlingException'), 'SECRET_UNREACHABLE', 'later'],
    [
      'a broken region',
      awsError('X', '', { $metadata: { httpStatusCode: 503 } }),
      'SECRET_UNREACHABLE',
      'later',
    ],
    ['something new', awsError('NewException', 'Say it'), 'SECRET_REFUSED', 'never'],
  ])(
    'tells %s apart, names secret and region, and when to ask again',
    (_what, error, code, retry) => {
      const problem = secretProblem(error, PLACE);

      expect(problem).toMatchObject({ kind: { code, retry } });
      expect(problem.message).toContain(
        'Cannot read the secret "dbdr/production/active" in us-west-2:',
      );
      expect(problem.hint).toMatch(/^[A-Z].*\.$/);
    },
  );

  test('gives the command that takes a deletion back', () => {
    const { hint } = secretProblem(awsError('InvalidRequestException', MARKED), PLACE);

    expect(hint).toContain(
      'aws secretsmanager restore-secret --secret-id dbdr/production/active --region us-west-2',
    );
  });

  test('shows whom AWS has refused, because that is what a person must change', () => {
    const { message } = secretProblem(awsError('AccessDeniedException', NO_RIGHT), PLACE);

    expect(message).toContain('assumed-role/dbdr');
  });
});
