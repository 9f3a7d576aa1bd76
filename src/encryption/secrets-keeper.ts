/**
 * Keeps a ring in AWS Secrets Manager (`ring-secrets.ts`), copied to every region of the config. Reads
 * from whichever region answers, in the config's order; one that does not answer is told as a warning.
 * What was read is remembered for an hour at most; only where nobody answers is it used for longer.
 */
import { isProblem, Problem } from '../kernel/problem.ts';
import { SECRET_MISSING } from '../secrets/problems.ts';
import type { RegionSecrets } from '../secrets/secrets-manager.ts';
import type { Generations } from './generations.ts';
import type { KeeperOptions, KeyKeeper } from './key-keeper.ts';
import { KEY_SECRETS_MISSING, KEY_UNREACHABLE, KEY_UNREADABLE } from './problems.ts';
import { generationName, pointerName, readGeneration, readPointer } from './ring-secrets.ts';
import { lookAtRegion } from './secrets-look.ts';
import { createSecrets, rotateSecrets, type SecretsKeeperOptions } from './secrets-rotation.ts';

const REFRESH_EVERY_MS = 5 * 60_000;
const REMEMBER_MS = 60 * 60_000;

interface Remembered {
  readonly key: Buffer;
  readonly readAtMs: number;
}

export function secretsKeeper(options: SecretsKeeperOptions): KeyKeeper {
  const { name, regions } = options;
  const remembered = new Map<string, Remembered>();
  return {
    description: `the secrets "${name}"`,
    escrow: `Keep a copy of every secret "${name}/…" outside of AWS: without them no backup can be read, and an account can be lost.`,
    refreshEveryMs: REFRESH_EVERY_MS,
    places: regions.map((region) => ({
      name: region.region,
      look: async ({ signal }) => await lookAtRegion({ name, region, signal }),
    })),
    load: async ({ signal }) => await load(options, remembered, { signal }),
    create: async ({ signal }) => await createSecrets(options, { signal }),
    rotate: async ({ signal }) => await rotateSecrets(options, { signal }),
  };
}

/** One loading: a region that was silent once is asked last from then on. */
interface Loading extends SecretsKeeperOptions {
  readonly signal: AbortSignal;
  readonly silent: Map<string, Problem>;
  /** Told although another region answered. */
  readonly warnings: Problem[];
}

async function load(
  options: SecretsKeeperOptions,
  remembered: Map<string, Remembered>,
  { signal }: KeeperOptions,
): Promise<Generations> {
  const { name, clock } = options;
  const loading: Loading = { ...options, signal, silent: new Map(), warnings: [] };
  const pointer = await fromAny(loading, async (region) => {
    const secret = pointerName(name);
    const stored = await region.read(secret, { signal });
    return readPointer(stored, { name: secret, region: region.region });
  });
  if (pointer.outcome === 'failed') throw noList(name, pointer.problems);
  const { keys: order } = pointer.value;
  if (order.length === 0) throw unfinished(name);
  const keys = new Map<string, Buffer>();
  const unreadable = new Map<string, Problem>();
  for (const keyId of order) {
    const known = remembered.get(keyId);
    if (known !== undefined && clock.elapsedMs() - known.readAtMs < REMEMBER_MS) {
      keys.set(keyId, known.key);
      continue;
    }
    const found = await readFromAny(loading, keyId);
    if (found.outcome === 'read') {
      keys.set(keyId, found.value);
      remembered.set(keyId, { key: found.value, readAtMs: clock.elapsedMs() });
    } else keepOrDrop(found.problems, { keyId, keys, unreadable, remembered });
  }
  return { order, keys, unreadable, warnings: [...loading.silent.values(), ...loading.warnings] };
}

interface Kept {
  readonly keyId: string;
  readonly keys: Map<string, Buffer>;
  readonly unreadable: Map<string, Problem>;
  readonly remembered: Map<string, Remembered>;
}

/** Silence is no answer: what was known is used on. An answer that it is gone is believed. */
function keepOrDrop(
  problems: readonly Problem[],
  { keyId, keys, unreadable, remembered }: Kept,
): void {
  const known = remembered.get(keyId);
  const silent = problems.find(({ kind }) => kind.retry !== 'never');
  if (known !== undefined && silent !== undefined) {
    keys.set(keyId, known.key);
    return;
  }
  remembered.delete(keyId);
  const told = silent ?? problems.find(({ kind }) => kind !== SECRET_MISSING) ?? problems[0];
  if (told !== undefined) unreadable.set(keyId, told);
}

async function readFromAny(loading: Loading, keyId: string): Promise<FromAny<Buffer>> {
  const secret = generationName(loading.name, keyId);
  return await fromAny(loading, async (region) => {
    const stored = await region.read(secret, { signal: loading.signal });
    return readGeneration(stored, { name: secret, region: region.region }, keyId);
  });
}

type FromAny<T> =
  | { readonly outcome: 'read'; readonly value: T }
  | { readonly outcome: 'failed'; readonly problems: readonly Problem[] };

/** The first region that answers with what is asked for, in the config's order; silent ones last. */
async function fromAny<T>(
  { regions, silent, warnings }: Loading,
  read: (region: RegionSecrets) => Promise<T>,
): Promise<FromAny<T>> {
  const problems: Problem[] = [];
  const inOrder = regions.toSorted(
    (a, b) => Number(silent.has(a.region)) - Number(silent.has(b.region)),
  );
  for (const region of inOrder) {
    try {
      const value = await read(region);
      warnings.push(...problems.filter(({ kind }) => kind.retry === 'never'));
      return { outcome: 'read', value };
    } catch (error) {
      if (!isProblem(error)) throw error;
      problems.push(error);
      if (error.kind.retry !== 'never') silent.set(region.region, error);
    }
  }
  return { outcome: 'failed', problems };
}

function noList(name: string, problems: readonly Problem[]): Problem {
  const told = problems.map(({ message }) => message).join('; ');
  const silent = problems.find(({ kind }) => kind.retry !== 'never');
  const facts = { secret: pointerName(name) };
  if (silent !== undefined) {
    return new Problem(KEY_UNREACHABLE, `Cannot read the list of keys: ${told}`, {
      facts,
      ...(problems.length === 1 ? { hint: silent.hint } : {}),
      cause: silent,
    });
  }
  const first = problems.find(({ kind }) => kind !== SECRET_MISSING);
  if (first === undefined) {
    const message = `Cannot find the keys "${name}": no region has the secret "${pointerName(name)}"`;
    return new Problem(KEY_SECRETS_MISSING, message, { facts });
  }
  return new Problem(KEY_UNREADABLE, `Cannot read the list of keys: ${told}`, {
    facts,
    cause: first,
    hint: first.hint,
  });
}

function unfinished(name: string): Problem {
  return new Problem(
    KEY_SECRETS_MISSING,
    `Cannot use the keys "${name}": making them was interrupted`,
    { hint: 'Finish it with `keys create`.' },
  );
}
