/**
 * AWS Secrets Manager in one region, with short time-outs: whoever reads has another region to ask. The
 * only file that loads its SDK. Values come out to the caller and go nowhere else.
 *
 * Always names the stage AWSCURRENT, because "the newest" is not the same thing; AWSPREVIOUS is never
 * relied on: AWS removes versions without a label (AWS docs, Secrets Manager quotas).
 */
import { randomUUID } from 'node:crypto';
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
  ReplicateSecretToRegionsCommand,
  type ReplicationStatusType,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';

import { isProblem } from '../kernel/problem.ts';
import { secretProblem } from './aws-problem.ts';
import { SECRET_EXISTS, SECRET_MISSING } from './problems.ts';

export interface RegionOptions {
  readonly region: string;
  /** Of a compatible server or a VPC endpoint; default: Amazon's own. */
  readonly endpoint?: string | undefined;
  /** For one call with its retries. Default 8 s. */
  readonly limitMs?: number | undefined;
}

export interface CallOptions {
  readonly signal: AbortSignal;
}

export interface StoredSecret {
  readonly text: string | undefined;
  readonly bytes: Buffer | undefined;
  readonly versionId: string;
}

export interface ReplicaState {
  readonly region: string;
  /** `InSync`, `InProgress`, `Failed`. */
  readonly status: string;
  readonly why: string;
}

export interface SecretDescription {
  /** When it will be gone for good. Undefined: it stays. */
  readonly deletedAt: Temporal.Instant | undefined;
  readonly replicas: readonly ReplicaState[];
}

export interface ReplicaRequest {
  readonly region: string;
  /** KMS key in that region. Default: `aws/secretsmanager`. */
  readonly kmsKey?: string | undefined;
}

export interface NewSecret {
  readonly text: string;
  /** What a person reads in the console. */
  readonly about: string;
  /** KMS key in this region. Default: `aws/secretsmanager`. */
  readonly kmsKey?: string | undefined;
}

export interface Replacement {
  readonly text: string;
  /** The version that was read. */
  readonly instead: string;
}

/** Every verb throws Problem SECRET_*. */
export interface RegionSecrets extends Disposable {
  readonly region: string;
  read(name: string, options: CallOptions): Promise<StoredSecret>;
  /** Undefined: there is none. */
  describe(name: string, options: CallOptions): Promise<SecretDescription | undefined>;
  /** Names that begin with `prefix`, the marked for deletion too; at most a hundred. */
  names(prefix: string, options: CallOptions): Promise<readonly string[]>;
  /** Repeatable with another value too: what is there first stays. */
  create(
    name: string,
    value: NewSecret,
    options: CallOptions,
  ): Promise<'created' | 'already there'>;
  /** Puts a new value in the place of the version that was read. @throws Problem SECRET_CHANGED */
  replace(name: string, value: Replacement, options: CallOptions): Promise<void>;
  replicate(
    name: string,
    regions: readonly ReplicaRequest[],
    options: CallOptions,
  ): Promise<readonly ReplicaState[]>;
}

const CURRENT = 'AWSCURRENT';
/** Label of a value on its way to being current; it has no meaning afterwards. */
const NEXT = 'DBDR_NEXT';
const CALL_LIMIT_MS = 8000;
const CONNECT_LIMIT_MS = 2000;
const ANSWER_LIMIT_MS = 4000;
const NAMES_MAX = 100;
/** The first try and so many repeats, within the call's limit. */
const ATTEMPTS_MAX = 3;

export function regionSecrets(options: RegionOptions): RegionSecrets {
  return new OneRegion(options);
}

class OneRegion implements RegionSecrets {
  readonly region: string;
  readonly #client: SecretsManagerClient;
  readonly #limitMs: number;

  constructor({ region, endpoint, limitMs = CALL_LIMIT_MS }: RegionOptions) {
    this.region = region;
    this.#limitMs = limitMs;
    this.#client = new SecretsManagerClient({
      region,
      maxAttempts: ATTEMPTS_MAX,
      retryMode: 'standard',
      requestHandler: {
        connectionTimeout: Math.min(CONNECT_LIMIT_MS, limitMs),
        requestTimeout: Math.min(ANSWER_LIMIT_MS, limitMs),
        throwOnRequestTimeout: true,
      },
      ...(endpoint === undefined ? {} : { endpoint }),
    });
  }

  async read(name: string, { signal }: CallOptions): Promise<StoredSecret> {
    const command = new GetSecretValueCommand({ SecretId: name, VersionStage: CURRENT });
    const answer = await this.#call({ action: 'read', name, signal }, async (options) =>
      this.#client.send(command, options),
    );
    const { SecretString, SecretBinary, VersionId = '' } = answer;
    return {
      text: SecretString,
      bytes: SecretBinary === undefined ? undefined : Buffer.from(SecretBinary),
      versionId: VersionId,
    };
  }

  async describe(name: string, { signal }: CallOptions): Promise<SecretDescription | undefined> {
    const command = new DescribeSecretCommand({ SecretId: name });
    try {
      const answer = await this.#call({ action: 'look at', name, signal }, async (options) =>
        this.#client.send(command, options),
      );
      const { DeletedDate, ReplicationStatus = [] } = answer;
      return {
        deletedAt: DeletedDate?.toTemporalInstant(),
        replicas: ReplicationStatus.map(replicaState),
      };
    } catch (error) {
      if (isProblem(error, SECRET_MISSING)) return undefined;
      throw error;
    }
  }

  async names(prefix: string, { signal }: CallOptions): Promise<readonly string[]> {
    const command = new ListSecretsCommand({
      Filters: [{ Key: 'name', Values: [prefix] }],
      IncludePlannedDeletion: true,
      MaxResults: NAMES_MAX,
    });
    const { SecretList = [] } = await this.#call(
      { action: 'look for', name: prefix, signal },
      async (options) => this.#client.send(command, options),
    );
    // The filter does not mind case.
    return SecretList.flatMap(({ Name = '' }) => (Name.startsWith(prefix) ? [Name] : []));
  }

  async create(
    name: string,
    { text, about, kmsKey }: NewSecret,
    { signal }: CallOptions,
  ): Promise<'created' | 'already there'> {
    const command = new CreateSecretCommand({
      Name: name,
      Description: about,
      SecretString: text,
      ClientRequestToken: randomUUID(),
      ...(kmsKey === undefined ? {} : { KmsKeyId: kmsKey }),
    });
    try {
      await this.#call({ action: 'make', name, signal }, async (options) =>
        this.#client.send(command, options),
      );
      return 'created';
    } catch (error) {
      if (isProblem(error, SECRET_EXISTS)) return 'already there';
      throw error;
    }
  }

  // In two steps, because putting alone would silently win over whoever was faster.
  async replace(
    name: string,
    { text, instead }: Replacement,
    { signal }: CallOptions,
  ): Promise<void> {
    const token = randomUUID();
    const put = new PutSecretValueCommand({
      SecretId: name,
      SecretString: text,
      ClientRequestToken: token,
      VersionStages: [NEXT],
    });
    const move = new UpdateSecretVersionStageCommand({
      SecretId: name,
      VersionStage: CURRENT,
      MoveToVersionId: token,
      RemoveFromVersionId: instead,
    });
    await this.#call({ action: 'replace', name, signal }, async (options) => {
      await this.#client.send(put, options);
      await this.#client.send(move, options);
    });
  }

  async replicate(
    name: string,
    regions: readonly ReplicaRequest[],
    { signal }: CallOptions,
  ): Promise<readonly ReplicaState[]> {
    const command = new ReplicateSecretToRegionsCommand({
      SecretId: name,
      AddReplicaRegions: regions.map(({ region, kmsKey }) => ({
        Region: region,
        ...(kmsKey === undefined ? {} : { KmsKeyId: kmsKey }),
      })),
    });
    const { ReplicationStatus = [] } = await this.#call(
      { action: 'copy', name, signal },
      async (options) => this.#client.send(command, options),
    );
    return ReplicationStatus.map(replicaState);
  }

  [Symbol.dispose](): void {
    this.#client.destroy();
  }

  async #call<T>(
    { action, name, signal }: CallOptions & { readonly action: string; readonly name: string },
    work: (options: { readonly abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    const limit = AbortSignal.timeout(this.#limitMs);
    try {
      return await work({ abortSignal: AbortSignal.any([signal, limit]) });
    } catch (error) {
      signal.throwIfAborted();
      throw secretProblem(error, { action, name, region: this.region });
    }
  }
}

function replicaState({ Region, Status, StatusMessage }: ReplicationStatusType): ReplicaState {
  return { region: Region ?? '', status: Status ?? 'Failed', why: StatusMessage ?? '' };
}
