/** Reads what a call to S3 failed with: a word of the server, or of the network. Pure. */

/** What was being done, for messages. */
export interface Doing {
  /** Continues "Cannot …". */
  readonly action: string;
  /** The object, if it is about one. */
  readonly key?: string;
  /** The right that it takes: `s3:PutObject`. */
  readonly permission: string;
  /** Part of a write that cannot be begun again. */
  readonly isWrite?: boolean;
  /** What it carries. */
  readonly sizeBytes?: number;
}

export interface Failure {
  /** Of the answer; undefined: there was none. */
  readonly status: number | undefined;
  /** `NoSuchKey`, `ECONNRESET`, `TimeoutError` … */
  readonly code: string;
  readonly message: string;
  /** Where the bucket is, as the server says. */
  readonly region: string | undefined;
  /** What the server's clock said. */
  readonly date: string | undefined;
}

/** A call that is given up. Stays inside: the store makes a problem of it, or an outcome. */
export class CallFailed extends Error {
  readonly doing: Doing;
  readonly failure: Failure;
  /** The server may have done it all the same: an answer was lost, now or before. */
  readonly isUnclear: boolean;

  constructor(doing: Doing, error: unknown, hasUnclear: boolean) {
    const failure = readFailure(error);
    super(`${doing.action}: ${failure.code} ${failure.message}`, { cause: error });
    this.name = 'CallFailed';
    this.doing = doing;
    this.failure = failure;
    this.isUnclear = hasUnclear;
  }
}

export function hasCode(error: unknown, ...codes: readonly string[]): error is CallFailed {
  return error instanceof CallFailed && codes.includes(error.failure.code);
}

export function hasStatus(error: unknown, status: number): error is CallFailed {
  return error instanceof CallFailed && error.failure.status === status;
}

export function readFailure(error: unknown): Failure {
  const headers = fieldOf(fieldOf(error, '$response'), 'headers');
  const status = fieldOf(fieldOf(error, '$metadata'), 'httpStatusCode');
  const name = textOf(fieldOf(error, 'name'));
  const code = textOf(fieldOf(error, 'code'));
  const isAnswer = typeof status === 'number' && fieldOf(error, '$fault') !== undefined;
  return {
    status: isAnswer ? status : undefined,
    // A service's answer is named; of the network, the code says more than `Error`.
    code: (isAnswer ? name : (code ?? name)) ?? 'Error',
    message: textOf(fieldOf(error, 'message')) ?? String(error),
    region: regionOf(error, headers),
    date: textOf(fieldOf(headers, 'date')),
  };
}

function regionOf(error: unknown, headers: unknown): string | undefined {
  const told = textOf(fieldOf(error, 'Region')) ?? textOf(fieldOf(headers, 'x-amz-bucket-region'));
  if (told !== undefined) return told;
  // "the region 'us-east-1' is wrong; expecting 'eu-west-1'"
  return /expecting '(?<region>[a-z0-9-]+)'/.exec(textOf(fieldOf(error, 'message')) ?? '')
    ?.groups?.['region'];
}

const BUSY: ReadonlySet<string> = new Set([
  'SlowDown',
  'ThrottlingException',
  'Throttling',
  'RequestLimitExceeded',
  'TooManyRequests',
]);
const AGAIN: ReadonlySet<string> = new Set([
  'InternalError',
  'ServiceUnavailable',
  'RequestTimeout',
  'OperationAborted',
  'ConditionalRequestConflict',
  // What arrived is not what was sent.
  'BadDigest',
  'XAmzContentSHA256Mismatch',
  'XAmzContentChecksumMismatch',
  'IncompleteBody',
]);
const NETWORK: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ECONNABORTED',
  'ERR_STREAM_PREMATURE_CLOSE',
  'TimeoutError',
  'AbortError',
]);
const REFUSED_AT_ONCE: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN']);
const STATUS_AGAIN: ReadonlySet<number> = new Set([408, 409, 429, 500, 502, 503, 504]);

export function isBusy({ code, status }: Failure): boolean {
  return BUSY.has(code) || status === 429 || (status === 503 && code !== 'NotImplemented');
}

export function isNetwork({ code, status }: Failure): boolean {
  return status === undefined && (isBroken(code) || isTls(code));
}

/** `HPE_…`: an answer that was cut where Node's parser still wanted more of its head. */
function isBroken(code: string): boolean {
  return NETWORK.has(code) || code.startsWith('HPE_');
}

export function isTls(code: string): boolean {
  return /^(CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|UNABLE_TO_|SELF_SIGNED|EPROTO)/.test(code);
}

/** There is nobody: somebody who asks should not wait long for that answer. */
export function isNobody({ status, code }: Failure): boolean {
  return status === undefined && REFUSED_AT_ONCE.has(code);
}

/** Keys may have been renewed where the SDK found them. */
export function isExpired({ code }: Failure): boolean {
  return code === 'ExpiredToken' || code === 'TokenRefreshRequired';
}

export function canTryAgain(failure: Failure): boolean {
  if (BUSY.has(failure.code) || AGAIN.has(failure.code)) return true;
  if (failure.status !== undefined) return STATUS_AGAIN.has(failure.status);
  return isBroken(failure.code);
}

/** The server may have done what it was asked, and its answer did not arrive. */
export function isUnclear(failure: Failure): boolean {
  if (failure.status !== undefined) return failure.status >= 500 && !isBusy(failure);
  return isBroken(failure.code) && !REFUSED_AT_ONCE.has(failure.code);
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Reflect.get(value, name);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
