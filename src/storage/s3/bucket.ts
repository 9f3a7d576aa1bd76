/**
 * A bucket and how to speak with it: loads the SDK when it is first needed, calls with deadlines, tries
 * again with growing waits until a budget is used up. The SDK itself never repeats and never corrects our
 * clock: a machine whose clock is wrong must hear so, because retention counts by it.
 */
import type * as Sdk from '@aws-sdk/client-s3';

import { backoffMs } from '../../kernel/backoff.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Problem } from '../../kernel/problem.ts';
import { isObjectKey, type ObjectKey } from '../object-store.ts';
import {
  CallFailed,
  canTryAgain,
  type Doing,
  type Failure,
  isExpired,
  isNobody,
  isUnclear,
  readFailure,
} from './failures.ts';
import { PartBuffers } from './part-buffers.ts';
import { s3Problem } from './s3-problems.ts';
import type { S3Credentials, S3Limits, S3Settings } from './settings.ts';

export interface BucketParts {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly limits: S3Limits;
  /** Told of each request that is sent, by the SDK's name of it. */
  readonly onRequest?: ((command: string) => void) | undefined;
}

export interface Call {
  readonly sdk: typeof Sdk;
  readonly client: Sdk.S3Client;
  /** For `client.send()`. */
  readonly options: { readonly abortSignal: AbortSignal };
}

interface CallOptions {
  readonly signal: AbortSignal;
  /** Default `writer`. */
  readonly as?: 'writer' | 'deleter';
}

interface Clients {
  readonly sdk: typeof Sdk;
  readonly writer: Sdk.S3Client;
  readonly deleter: Sdk.S3Client;
}

/** Where nobody listens, and nothing is to be written: some three seconds. */
const NOBODY_ATTEMPTS_MAX = 5;

/** What a call may take for each byte that it carries: 50 kB/s. */
const MS_PER_BYTE = 1 / 50;

export class Bucket {
  readonly settings: S3Settings;
  readonly limits: S3Limits;
  readonly clock: Clock;
  readonly random: () => number;
  readonly buffers: PartBuffers;
  readonly #prefix: string;
  readonly #onRequest: BucketParts['onRequest'];
  /** SHA-256 of bodies that are on their way, for their signatures. */
  readonly #hashes = new WeakMap<Buffer, string>();
  #clients: Promise<Clients> | undefined;

  constructor(settings: S3Settings, { clock, random, limits, onRequest }: BucketParts) {
    this.settings = settings;
    this.#onRequest = onRequest;
    this.limits = limits;
    this.clock = clock;
    this.random = random;
    this.buffers = new PartBuffers({
      limitBytes: limits.memoryBytes,
      usualBytes: limits.partBytes,
    });
    this.#prefix = settings.prefix === undefined ? '' : `${settings.prefix}/`;
  }

  get description(): string {
    const { bucket, endpoint } = this.settings;
    const where = endpoint === undefined ? '' : ` at ${new URL(endpoint).host}`;
    return `s3://${bucket}/${this.#prefix}${where}`;
  }

  get name(): string {
    return this.settings.bucket;
  }

  /** What S3 calls it. */
  s3Key(keyOrPrefix: string): string {
    return this.#prefix + keyOrPrefix;
  }

  /** What the store calls it; undefined: not below our prefix. */
  ownName(s3Key: string | undefined): string | undefined {
    return s3Key?.startsWith(this.#prefix) === true ? s3Key.slice(this.#prefix.length) : undefined;
  }

  ownKey(s3Key: string | undefined): ObjectKey | undefined {
    const name = this.ownName(s3Key);
    return name !== undefined && isObjectKey(name) ? name : undefined;
  }

  problem(failed: CallFailed): Problem {
    const { bucket, region, endpoint } = this.settings;
    return s3Problem(failed, {
      description: this.description,
      bucket,
      region,
      endpoint,
      now: this.clock.now(),
    });
  }

  /**
   * Tries `work` until it is answered; `work` runs anew for each attempt.
   *
   * @throws CallFailed when it is given up; the signal's reason when it is aborted.
   */
  async call<T>(
    doing: Doing,
    work: (call: Call) => Promise<T>,
    { signal, as = 'writer' }: CallOptions,
  ): Promise<T> {
    const begin = this.clock.elapsedMs();
    let [hasUnclear, hasRenewed] = [false, false];
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      const clients = await this.#open();
      try {
        const options = { abortSignal: this.#deadline(doing, signal) };
        return await work({ sdk: clients.sdk, client: clients[as], options });
      } catch (error) {
        signal.throwIfAborted();
        const failure = readFailure(error);
        hasUnclear ||= isUnclear(failure);
        const spentMs = this.clock.elapsedMs() - begin;
        if (isExpired(failure) && !hasRenewed) {
          this.#clients = undefined;
          hasRenewed = true;
          continue;
        }
        if (!this.#mayRepeat(doing, failure, { attempt, spentMs }))
          throw new CallFailed(doing, error, hasUnclear);
        await this.pause(attempt, { signal });
      }
    }
  }

  #mayRepeat(
    { isWrite = false }: Doing,
    failure: Failure,
    { attempt, spentMs }: { readonly attempt: number; readonly spentMs: number },
  ): boolean {
    const { attemptsMax, retryBudgetMs, writeBudgetMs, waitCapMs } = this.limits;
    const isHopeless = isNobody(failure) && !isWrite;
    const attempts = isHopeless ? Math.min(NOBODY_ATTEMPTS_MAX, attemptsMax) : attemptsMax;
    const budgetMs = isWrite ? writeBudgetMs : retryBudgetMs;
    return canTryAgain(failure) && attempt < attempts && spentMs + waitCapMs / 2 < budgetMs;
  }

  /** Signs `body` with a hash that is known already. */
  knowHash(body: Buffer, sha256: Buffer): void {
    this.#hashes.set(body, sha256.toString('hex'));
  }

  /** Waits as after attempt number `attempt`. */
  async pause(attempt: number, options: { readonly signal: AbortSignal }): Promise<void> {
    const { firstWaitMs, waitCapMs } = this.limits;
    const policy = { firstMs: firstWaitMs, capMs: waitCapMs };
    await this.clock.sleep(backoffMs(attempt, policy, this.random()), options);
  }

  #deadline({ sizeBytes = 0 }: Doing, signal: AbortSignal): AbortSignal {
    const limitMs = this.limits.answerMs + Math.ceil(sizeBytes * MS_PER_BYTE);
    return AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
  }

  async #open(): Promise<Clients> {
    this.#clients ??= this.#load();
    return await this.#clients;
  }

  async #load(): Promise<Clients> {
    const sdk = await import('@aws-sdk/client-s3');
    const writer = this.#client(sdk, this.settings.credentials);
    const { deleter } = this.settings;
    return { sdk, writer, deleter: deleter === undefined ? writer : this.#client(sdk, deleter) };
  }

  /** Headers that the SDK has no words for, or would fill by reading everything once more. */
  #addHeaders(request: unknown, input: object, command: string | undefined): void {
    const hash = 'Body' in input && input.Body instanceof Buffer && this.#hashes.get(input.Body);
    if (typeof hash === 'string') setHeader(request, 'x-amz-content-sha256', hash);
    // Asked in its own words, the SDK would check it, and could not go on over another connection.
    if (command === 'GetObjectCommand') setHeader(request, 'x-amz-checksum-mode', 'ENABLED');
  }

  #client(sdk: typeof Sdk, credentials: S3Credentials | undefined): Sdk.S3Client {
    const { region, endpoint, forcePathStyle = false } = this.settings;
    const { connectMs, idleMs } = this.limits;
    const client = new sdk.S3Client({
      region,
      forcePathStyle,
      maxAttempts: 1,
      // A region of its own would be asked without a word; the config is to be put right instead.
      followRegionRedirects: false,
      // Ours, taken as the bytes arrive; see body-parts.ts and range-reader.ts.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // It would open a connection for each part.
      expectContinueHeader: false,
      requestHandler: { connectionTimeout: connectMs, socketTimeout: idleMs },
      ...(endpoint === undefined ? {} : { endpoint }),
      ...credentialsOf(credentials),
    });
    client.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          this.#addHeaders(args.request, args.input, commandName);
          this.#onRequest?.(commandName ?? '');
          return await next(args);
        },
      { step: 'build', name: 'dbdrHeaders' },
    );
    Object.defineProperty(client.config, 'systemClockOffset', { get: () => 0, set: ignore });
    return client;
  }
}

function setHeader(request: unknown, name: string, value: string): void {
  if (typeof request !== 'object' || request === null || !('headers' in request)) return;
  const { headers } = request;
  if (typeof headers === 'object' && headers !== null) Reflect.set(headers, name, value);
}

function credentialsOf(
  credentials: S3Credentials | undefined,
): Pick<Sdk.S3ClientConfig, 'credentials' | 'profile'> {
  if (credentials === undefined) return {};
  if ('profile' in credentials) return { profile: credentials.profile };
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return {
    credentials: {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
    },
  };
}

function ignore(): void {
  // The offset stays: see above.
}
