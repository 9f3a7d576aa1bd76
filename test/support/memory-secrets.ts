/**
 * Secrets Manager in memory, several regions of one account: copies, deletion with a window, versions
 * that are only replaced by whoever read the last one. Held to the same contract as the real client. A
 * region can be silenced, and any call made the last one before "the process dies".
 */
import { secretProblem } from '../../src/secrets/aws-problem.ts';
import type {
  RegionSecrets,
  ReplicaState,
  StoredSecret,
} from '../../src/secrets/secrets-manager.ts';

interface Stored {
  text: string | undefined;
  bytes: Buffer | undefined;
  version: number;
  deletedAt: Temporal.Instant | undefined;
  /** Region → state. */
  readonly copies: Map<string, string>;
}

export interface MemorySecrets {
  region(name: string): RegionSecrets;
  /** Errors are thrown as the SDK would; undefined: it answers again. */
  fail(region: string, error: Error | undefined): void;
  /** Only for one secret of the region. */
  failSecret(region: string, secret: string, error: Error | undefined): void;
  /** After so many more calls every call throws this. Undefined: for ever well. */
  dieAfter(calls: number | undefined, error?: Error): void;
  /** So many calls were made. */
  readonly calls: readonly string[];
  /** Changes what is stored, as an administrator would. */
  change(
    region: string,
    secret: string,
    change: Partial<Pick<Stored, 'text' | 'bytes' | 'deletedAt'>>,
  ): void;
  remove(region: string, secret: string): void;
  /** What copies to this region become. Default: `InSync`. */
  copiesTo(region: string, status: string): void;
  names(region: string): readonly string[];
}

export function awsError(name: string, message = name, more: object = {}): Error {
  return Object.assign(new Error(message), { name }, more);
}

export function memorySecrets(): MemorySecrets {
  const regions = new Map<string, Map<string, Stored>>();
  const failures = new Map<string, Error>();
  const states = new Map<string, string>();
  const calls: string[] = [];
  let left: number | undefined;
  let death = new Error('The process is dead');

  function of(region: string): Map<string, Stored> {
    const found = regions.get(region) ?? new Map<string, Stored>();
    regions.set(region, found);
    return found;
  }

  function called(region: string, action: string, name: string): void {
    calls.push(`${action} ${region} ${name}`);
    if (left !== undefined) {
      if (left === 0) throw death;
      left -= 1;
    }
    const error = failures.get(region) ?? failures.get(`${region} ${name}`);
    if (error !== undefined) throw secretProblem(error, { action, name, region });
  }

  function require(region: string, action: string, name: string): Stored {
    const found = of(region).get(name);
    if (found !== undefined) return found;
    throw secretProblem(awsError('ResourceNotFoundException'), { action, name, region });
  }

  function living(region: string, action: string, name: string): Stored {
    const found = require(region, action, name);
    if (found.deletedAt === undefined) return found;
    const message = 'You tried to perform the operation on a secret that is marked for deletion.';
    throw secretProblem(awsError('InvalidRequestException', message), { action, name, region });
  }

  function replicas({ copies }: Stored): readonly ReplicaState[] {
    return [...copies].map(([region, status]) => ({ region, status, why: status }));
  }

  function copy(secret: string, stored: Stored): void {
    for (const [to, status] of stored.copies) {
      if (status === 'InSync') of(to).set(secret, { ...stored, copies: new Map() });
    }
  }

  function regionOf(region: string): RegionSecrets {
    return {
      region,
      async read(name): Promise<StoredSecret> {
        called(region, 'read', name);
        const { text, bytes, version } = living(region, 'read', name);
        return { text, bytes, versionId: String(version) };
      },
      async describe(name) {
        called(region, 'look at', name);
        const found = of(region).get(name);
        return found === undefined
          ? undefined
          : { deletedAt: found.deletedAt, replicas: replicas(found) };
      },
      async names(prefix) {
        called(region, 'look for', prefix);
        return [...of(region).keys()].filter((name) => name.startsWith(prefix));
      },
      async create(name, { text }) {
        called(region, 'make', name);
        if (of(region).has(name)) {
          living(region, 'make', name);
          return 'already there';
        }
        const stored = {
          text,
          bytes: undefined,
          version: 1,
          deletedAt: undefined,
          copies: new Map(),
        };
        of(region).set(name, stored);
        return 'created';
      },
      async replace(name, { text, instead }) {
        called(region, 'replace', name);
        const found = living(region, 'replace', name);
        if (String(found.version) !== instead) {
          const error = awsError('InvalidParameterException', 'RemoveFromVersionId does not match');
          throw secretProblem(error, { action: 'replace', name, region });
        }
        Object.assign(found, { text, version: found.version + 1 });
        copy(name, found);
      },
      async replicate(name, asked) {
        called(region, 'copy', name);
        const found = living(region, 'copy', name);
        for (const { region: to } of asked) found.copies.set(to, states.get(to) ?? 'InSync');
        copy(name, found);
        return replicas(found);
      },
      [Symbol.dispose]: () => undefined,
    };
  }

  return {
    region: regionOf,
    calls,
    fail: (region, error) => setOrDelete(failures, region, error),
    failSecret: (region, secret, error) => setOrDelete(failures, `${region} ${secret}`, error),
    dieAfter(count, error = death) {
      left = count;
      death = error;
    },
    change: (region, secret, change) =>
      void Object.assign(require(region, 'change', secret), change),
    remove: (region, secret) => void of(region).delete(secret),
    copiesTo: (region, status) => void states.set(region, status),
    names: (region) => [...of(region).keys()],
  };
}

function setOrDelete(map: Map<string, Error>, key: string, value: Error | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
