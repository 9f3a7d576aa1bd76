/**
 * Turns what S3 answered into the problems of a store: what failed, what is, what should be, and what to
 * do next. Pure.
 */
import { Problem, type ProblemKind } from '../../kernel/problem.ts';
import {
  BUCKET_ELSEWHERE,
  BUCKET_MISSING,
  CLOCK_SKEWED,
  CREDENTIALS_REFUSED,
  OBJECT_MISSING,
  STORE_ANSWER,
  STORE_BUSY,
  STORE_DENIED,
  STORE_FULL,
  STORE_UNREACHABLE,
  WRITE_REFUSED,
} from '../problems.ts';
import { type CallFailed, type Failure, isBusy, isNetwork, isTls } from './failures.ts';

/** Which store it was, for the message. */
export interface StoreFacts {
  readonly description: string;
  readonly bucket: string;
  readonly region: string;
  readonly endpoint: string | undefined;
  readonly now: Temporal.Instant;
}

interface Told {
  readonly kind: ProblemKind;
  readonly why: string;
  readonly hint?: string;
}

export function s3Problem(failed: CallFailed, store: StoreFacts): Problem {
  const { doing, failure } = failed;
  const { kind, why, hint } = tell(failed, store);
  const what = doing.key === undefined ? '' : ` "${doing.key}" in`;
  return new Problem(
    kind,
    `Cannot ${doing.action}${what} the store "${store.description}": ${why}`,
    {
      facts: {
        store: store.description,
        ...(doing.key === undefined ? {} : { key: doing.key }),
        answer: failure.code,
      },
      ...(hint === undefined ? {} : { hint }),
      cause: failed.cause,
    },
  );
}

function tell(failed: CallFailed, store: StoreFacts): Told {
  const { failure } = failed;
  const byCode = BY_CODE.get(failure.code);
  if (byCode !== undefined) return byCode(failed, store);
  if (failure.status === 301 || failure.status === 307) return elsewhere(failed, store);
  if (failure.status === 403 || failure.status === 401) return denied(failed);
  if (failure.status === 507) return full();
  if (isBusy(failure))
    return { kind: STORE_BUSY, why: `it still asks us to wait, with ${failure.code}` };
  if (isTls(failure.code)) return tls(failure, store);
  if (isNetwork(failure)) return unreachable(failure, store);
  const status = failure.status === undefined ? '' : `${failure.status} `;
  return { kind: STORE_ANSWER, why: `it answers ${status}${failure.code}: ${failure.message}` };
}

type Teller = (failed: CallFailed, store: StoreFacts) => Told;

const BY_CODE: ReadonlyMap<string, Teller> = new Map<string, Teller>([
  ['NoSuchKey', () => ({ kind: OBJECT_MISSING, why: 'no such object' })],
  ['NoSuchBucket', bucketMissing],
  ['PermanentRedirect', elsewhere],
  ['TemporaryRedirect', elsewhere],
  ['AuthorizationHeaderMalformed', elsewhere],
  ['IllegalLocationConstraintException', elsewhere],
  [
    'InvalidObjectState',
    () => ({
      kind: STORE_ANSWER,
      why: 'it is in an archive class, and must be restored from there first',
      hint: 'Restore it with the tools of your store, and take a `storage_class` that can be read at once.',
    }),
  ],
  ['AccessDenied', denied],
  ['AllAccessDisabled', denied],
  ['RequestTimeTooSkewed', skewed],
  ['QuotaExceeded', full],
  ['XMinioStorageFull', full],
  ['InvalidAccessKeyId', () => credentials('it does not know the access key')],
  [
    'SignatureDoesNotMatch',
    () => credentials('the secret access key is not the one of this access key'),
  ],
  [
    'ExpiredToken',
    () =>
      credentials(
        'the session token has expired',
        'Renew the session token, or use a role or keys that do not expire.',
      ),
  ],
  ['TokenRefreshRequired', () => credentials('the session token must be renewed')],
  ['InvalidToken', () => credentials('the session token is not valid')],
  ['CredentialsProviderError', noCredentials],
  ['TokenProviderError', noCredentials],
  [
    'KMS.DisabledException',
    () => ({
      kind: WRITE_REFUSED,
      why: 'the key of its encryption is disabled',
      hint: 'Enable the KMS key, or name another one in `encryption` in the config of this store.',
    }),
  ],
]);

function bucketMissing(_failed: CallFailed, { bucket, region }: StoreFacts): Told {
  return { kind: BUCKET_MISSING, why: `there is no bucket "${bucket}" in ${region}` };
}

function elsewhere({ failure }: CallFailed, { bucket, region }: StoreFacts): Told {
  const right = failure.region;
  return right === undefined
    ? { kind: BUCKET_ELSEWHERE, why: `the bucket "${bucket}" is not in ${region}` }
    : {
        kind: BUCKET_ELSEWHERE,
        why: `the bucket "${bucket}" is in ${right}, and the config says ${region}`,
        hint: `Write \`region: ${right}\` in the config of this store.`,
      };
}

function denied({ doing, failure }: CallFailed): Told {
  // What is not there is denied as well to those who may not list.
  const list = doing.permission === 's3:GetObject' ? ' or s3:ListBucket' : '';
  const told = /^(access denied|unknownerror)?\.?$/i.test(failure.message)
    ? ''
    : `: ${failure.message}`;
  return {
    kind: STORE_DENIED,
    why: `the credentials may not do ${doing.permission}${list}${told}`,
    hint: `Allow ${doing.permission} in the policy of these credentials, and look whether the bucket denies it.`,
  };
}

function credentials(why: string, hint?: string): Told {
  return { kind: CREDENTIALS_REFUSED, why, ...(hint === undefined ? {} : { hint }) };
}

function noCredentials({ failure }: CallFailed): Told {
  return credentials(
    `there are no credentials: ${failure.message}`,
    'Write `credentials` in the config of this store, or set AWS_PROFILE or AWS_ACCESS_KEY_ID, or give the machine a role.',
  );
}

function full(): Told {
  return {
    kind: STORE_FULL,
    why: 'there is no room',
    hint: 'Make room in this store, or raise its quota; the bot tries again by itself.',
  };
}

function skewed({ failure }: CallFailed, { now }: StoreFacts): Told {
  const server = parseHttpDate(failure.date);
  if (server === undefined)
    return { kind: CLOCK_SKEWED, why: 'the clock of this machine is more than 15 minutes off' };
  const seconds = Math.round((now.epochMilliseconds - server.epochMilliseconds) / 1000);
  const side = seconds > 0 ? 'ahead of' : 'behind';
  return {
    kind: CLOCK_SKEWED,
    why: `the clock of this machine is ${describeSeconds(Math.abs(seconds))} ${side} the server's`,
  };
}

function describeSeconds(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return `${seconds} seconds`;
  return minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`;
}

const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';

/** `Sun, 06 Nov 1994 08:49:37 GMT`: the only form that servers may send (RFC 9110). */
export function parseHttpDate(text: string | undefined): Temporal.Instant | undefined {
  const found = /^\w{3}, (\d{2}) (\w{3}) (\d{4}) (\d{2}:\d{2}:\d{2}) GMT$/.exec(text ?? '');
  const [, day, name = '', year, time] = found ?? [];
  const month = MONTHS.indexOf(name) / 3 + 1;
  if (found === null || !Number.isInteger(month) || month < 1) return undefined;
  return Temporal.Instant.from(`${year}-${String(month).padStart(2, '0')}-${day}T${time}Z`);
}

function tls({ code, message }: Failure, { endpoint }: StoreFacts): Told {
  return {
    kind: STORE_UNREACHABLE,
    why: `${endpoint ?? 'its server'} cannot be trusted, ${code}: ${message}`,
    hint: 'Look whether `endpoint` begins with the right one of http:// and https://; give a certificate of your own authority with NODE_EXTRA_CA_CERTS.',
  };
}

function unreachable({ code, message }: Failure, { endpoint, region }: StoreFacts): Told {
  return {
    kind: STORE_UNREACHABLE,
    why: `${endpoint ?? `S3 in ${region}`} does not answer, ${code}: ${message}`,
    hint: 'Check `endpoint` and `region` in the config of this store, and the network in between; the bot tries again by itself.',
  };
}
