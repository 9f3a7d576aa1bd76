/**
 * What an error of AWS Secrets Manager means, as a Problem with the next step. Pure. AWS names the error
 * and sometimes only the message tells cases apart; a name nobody knows is told in AWS's own words.
 */
import { Problem, type ProblemKind } from '../kernel/problem.ts';
import {
  SECRET_CHANGED,
  SECRET_CLOCK_WRONG,
  SECRET_CREDENTIALS,
  SECRET_DELETED,
  SECRET_DENIED,
  SECRET_EXISTS,
  SECRET_MISSING,
  SECRET_REFUSED,
  SECRET_REGION_UNKNOWN,
  SECRET_TOKEN_EXPIRED,
  SECRET_UNREACHABLE,
} from './problems.ts';

export interface SecretPlace {
  /** `read`, `make`, `replace`: what failed. */
  readonly action: string;
  readonly name: string;
  readonly region: string;
}

interface Meaning {
  readonly kind: ProblemKind;
  readonly state: string;
  readonly hint?: string;
}

export function secretProblem(error: unknown, place: SecretPlace): Problem {
  const { action, name, region } = place;
  const { kind, state, hint } = meaningOf(error, place);
  return new Problem(kind, `Cannot ${action} the secret "${name}" in ${region}: ${state}`, {
    facts: { secret: name, region },
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** By `error.name`: what AWS documents, and what its SDK makes of the network. */
const BY_NAME: Readonly<Record<string, ProblemKind | undefined>> = {
  ResourceNotFoundException: SECRET_MISSING,
  ResourceExistsException: SECRET_EXISTS,
  AccessDeniedException: SECRET_DENIED,
  AccessDenied: SECRET_DENIED,
  DecryptionFailure: SECRET_DENIED,
  EncryptionFailure: SECRET_DENIED,
  ExpiredTokenException: SECRET_TOKEN_EXPIRED,
  ExpiredToken: SECRET_TOKEN_EXPIRED,
  TokenRefreshRequired: SECRET_TOKEN_EXPIRED,
  UnrecognizedClientException: SECRET_CREDENTIALS,
  InvalidClientTokenId: SECRET_CREDENTIALS,
  IncompleteSignature: SECRET_CREDENTIALS,
  MissingAuthenticationTokenException: SECRET_CREDENTIALS,
  CredentialsProviderError: SECRET_CREDENTIALS,
  RequestTimeTooSkewed: SECRET_CLOCK_WRONG,
  RequestExpired: SECRET_CLOCK_WRONG,
  ThrottlingException: SECRET_UNREACHABLE,
  TooManyRequestsException: SECRET_UNREACHABLE,
  InternalServiceError: SECRET_UNREACHABLE,
  InternalFailure: SECRET_UNREACHABLE,
  ServiceUnavailable: SECRET_UNREACHABLE,
  TimeoutError: SECRET_UNREACHABLE,
  AbortError: SECRET_UNREACHABLE,
};

const NETWORK = /^(?:E[A-Z]+|UND_ERR\w*|ERR_SOCKET\w*)$/;

function meaningOf(error: unknown, place: SecretPlace): Meaning {
  const { name, message, code, status } = partsOf(error);
  if (name === 'TokenProviderError' || /SSO session|token.*expired/i.test(message))
    return { kind: SECRET_TOKEN_EXPIRED, state: 'the AWS session has expired' };
  if (/^(?:InvalidSignature|SignatureDoesNotMatch)/.test(name)) return signature(message, place);
  if (name === 'InvalidRequestException' && /delet/i.test(message)) return deleted(place);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return noSuchHost(place);
  const known = BY_NAME[name];
  if (known !== undefined) return knownMeaning(known, { message, place });
  if (NETWORK.test(code) || status >= 500) return unreachable(message);
  if (/version stage|RemoveFromVersionId/i.test(message))
    return { kind: SECRET_CHANGED, state: 'somebody else has changed it meanwhile' };
  return { kind: SECRET_REFUSED, state: `AWS says "${message}" (${name})` };
}

function knownMeaning(
  kind: ProblemKind,
  { message, place }: { readonly message: string; readonly place: SecretPlace },
): Meaning {
  switch (kind) {
    case SECRET_MISSING:
      return {
        kind,
        state: 'there is no such secret in this region',
        hint: `See whether it is in another region than "${place.region}", or was removed there: \`aws secretsmanager list-secrets --region ${place.region}\`.`,
      };
    case SECRET_EXISTS:
      return { kind, state: 'it exists already' };
    case SECRET_DENIED:
      return { kind, state: `it is not allowed: ${message}` };
    case SECRET_TOKEN_EXPIRED:
      return { kind, state: 'the AWS session has expired' };
    case SECRET_CREDENTIALS:
      return { kind, state: `there are no valid credentials: ${message}` };
    case SECRET_CLOCK_WRONG:
      return { kind, state: `the clock of this machine is wrong: ${message}` };
    default:
      return unreachable(message);
  }
}

function signature(message: string, { region }: SecretPlace): Meaning {
  if (/expired|not yet current/i.test(message))
    return { kind: SECRET_CLOCK_WRONG, state: `the clock of this machine is wrong: ${message}` };
  if (/scoped to a valid region/i.test(message)) {
    const hint = `Name the region that this endpoint serves instead of "${region}".`;
    return { kind: SECRET_CREDENTIALS, state: 'the endpoint is in another region', hint };
  }
  return { kind: SECRET_CREDENTIALS, state: `there are no valid credentials: ${message}` };
}

function deleted({ name, region }: SecretPlace): Meaning {
  return {
    kind: SECRET_DELETED,
    state: 'it is marked for deletion',
    hint: `Take the deletion back now, while it can be: \`aws secretsmanager restore-secret --secret-id ${name} --region ${region}\`.`,
  };
}

function noSuchHost({ region }: SecretPlace): Meaning {
  return { kind: SECRET_REGION_UNKNOWN, state: `no Secrets Manager is found for "${region}"` };
}

function unreachable(message: string): Meaning {
  return {
    kind: SECRET_UNREACHABLE,
    state: `the region does not answer${message === '' ? '' : `: ${message}`}`,
  };
}

interface ErrorParts {
  readonly name: string;
  readonly message: string;
  readonly code: string;
  readonly status: number;
}

function partsOf(error: unknown): ErrorParts {
  if (!(error instanceof Error)) return { name: '', message: String(error), code: '', status: 0 };
  const { name, message } = error;
  return { name, message: message.trim(), code: codeOf(error), status: statusOf(error) };
}

/** Of itself, or of one of several attempts to connect. */
function codeOf(error: Error): string {
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (error instanceof AggregateError) {
    const codes = error.errors.map((one: unknown) => (one instanceof Error ? codeOf(one) : ''));
    return codes.find((code) => code !== '') ?? '';
  }
  return error.cause instanceof Error ? codeOf(error.cause) : '';
}

function statusOf(error: Error): number {
  if (!('$metadata' in error)) return 0;
  const metadata: unknown = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null) return 0;
  return 'httpStatusCode' in metadata && typeof metadata.httpStatusCode === 'number'
    ? metadata.httpStatusCode
    : 0;
}
