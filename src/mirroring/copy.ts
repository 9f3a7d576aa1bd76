/**
 * Copies one object as it is, ciphertext and all: its encryption is bound to its name, which stays the
 * same. What is there under the name is never replaced. What has gone from the source meanwhile is left.
 */
import { Readable } from 'node:stream';
import type { ClusterFolder } from '../engines/engine.ts';
import { readWalKey, type WalObject } from '../engines/streaming/wal-format.ts';
import { HISTORY_BYTES_MAX, readWal } from '../engines/streaming/wal-objects.ts';
import { isServerName } from '../kernel/ids.ts';
import { lsnBytes } from '../kernel/lsn.ts';
import { isProblem, Problem } from '../kernel/problem.ts';
import type { ObjectKey, ObjectStore } from '../storage/object-store.ts';
import { OBJECT_MISSING, WRITE_REFUSED } from '../storage/problems.ts';
import type { MirroringDeps, Route } from './deps.ts';
import type { Notices } from './notices.ts';
import { MIRROR_CONFLICT, MIRROR_DAMAGED, MIRROR_SOURCE_CHANGED } from './problems.ts';

/** What everything that is copied on one route needs. */
export interface Copying {
  readonly route: Route;
  /** Their problems are told apart. */
  readonly source: ObjectStore;
  readonly target: ObjectStore;
  readonly deps: MirroringDeps;
  readonly notices: Notices;
  readonly signal: AbortSignal;
  /** The target refused to remove something: it is not asked again. */
  readonly removing: { isDenied: boolean };
}

/** `gone`: the source no longer has it. `refused`: the target holds other bytes under its name. */
export type Copied = 'copied' | 'gone' | 'refused';

/** PostgreSQL's largest segment. */
const SEGMENT_BYTES_MAX = 1 << 30;

/** @throws Problem STORAGE_*, MIRROR_SOURCE_CHANGED */
export async function copyObject(
  { source, target, signal }: Pick<Copying, 'source' | 'target' | 'signal'>,
  { key, sizeBytes }: { readonly key: ObjectKey; readonly sizeBytes: number },
): Promise<Copied> {
  let body: Readable;
  try {
    body = await source.open(key, { signal });
  } catch (error) {
    if (isProblem(error, OBJECT_MISSING)) return 'gone';
    throw error;
  }
  // It may be told of an abort before anybody reads it; whoever reads it hears of errors anyway.
  body.on('error', ignore);
  try {
    await target.put(key, Readable.from(exactly(body, { key, sizeBytes }), BYTES), { signal });
  } catch (error) {
    if (isProblem(error, WRITE_REFUSED)) return 'refused';
    if (isProblem(error, OBJECT_MISSING)) return 'gone';
    throw error;
  } finally {
    body.destroy();
  }
  const there = await target.stat(key, { signal });
  if (there?.sizeBytes === sizeBytes) return 'copied';
  return 'refused';
}

function ignore(): void {
  // The reason stands where it is registered.
}

const BYTES = { objectMode: false } as const;

// A body that ends early must not become an object: what is put can never be put right.
async function* exactly(
  body: Readable,
  { key, sizeBytes }: { readonly key: ObjectKey; readonly sizeBytes: number },
): AsyncGenerator<Buffer, void, undefined> {
  let seenBytes = 0;
  for await (const chunk of body as AsyncIterable<unknown>) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('A store gave something that is not bytes');
    seenBytes += chunk.length;
    yield chunk;
  }
  if (seenBytes === sizeBytes) return;
  throw new Problem(
    MIRROR_SOURCE_CHANGED,
    `Cannot copy "${key}": it has ${seenBytes} bytes and should have ${sizeBytes}`,
    { facts: { key, seenBytes, sizeBytes } },
  );
}

/**
 * The target refused an object of the log: other bytes may still hold the same log, sealed with a key of
 * their own. False: they do not, and people were told.
 */
export async function isSameLog(copying: Copying, key: ObjectKey): Promise<boolean> {
  const { notices, signal } = copying;
  const [here, there] = await Promise.all([
    readPlain(copying, copying.source, key),
    readPlain(copying, copying.target, key),
  ]);
  signal.throwIfAborted();
  if (here !== undefined && there !== undefined && here.equals(there)) return true;
  await notices.wrong(conflict(copying, key));
  return false;
}

export function conflict({ route }: Pick<Copying, 'route'>, key: ObjectKey): Problem {
  const { source, target } = route;
  return new Problem(
    MIRROR_CONFLICT,
    `Cannot copy "${key}" to "${target.name}": it holds other bytes there than in "${source.name}"`,
    { facts: { key, store: target.name } },
  );
}

/**
 * Reads what was copied back and decrypts it. Tells people when the target gives other bytes; where the
 * source's are no better, that is said.
 */
export async function readBack(copying: Copying, key: ObjectKey): Promise<boolean> {
  const { route, deps, notices } = copying;
  const object = walObjectOf(key);
  if (object === undefined) return true;
  const plain = await readPlain(copying, copying.target, key);
  if (plain !== undefined && isWhatItsNameSays(object.wal, plain, deps.ring)) return true;
  const own = await readPlain(copying, copying.source, key);
  copying.signal.throwIfAborted();
  const both = own === undefined ? `, and neither does it in "${route.source.name}"` : '';
  const message = `The copy of "${key}" in "${route.target.name}" does not decrypt to what its name says${both}`;
  await notices.wrong(new Problem(MIRROR_DAMAGED, message, { facts: { key } }));
  return false;
}

function isWhatItsNameSays(
  wal: WalObject,
  plain: Buffer,
  ring: Pick<MirroringDeps['ring'], 'contentName'>,
): boolean {
  if (wal.kind === 'segment') return ring.contentName(plain) === wal.contentName;
  if (wal.kind === 'tail') return BigInt(plain.length) === lsnBytes(wal.to) - lsnBytes(wal.from);
  return plain.length > 0;
}

/** Undefined: it does not decrypt. @throws Problem when the store does not answer. */
async function readPlain(
  { deps, signal }: Copying,
  store: ObjectStore,
  key: ObjectKey,
): Promise<Buffer | undefined> {
  const object = walObjectOf(key);
  if (object === undefined) return undefined;
  const place = { store, ring: deps.ring, folder: object.folder, signal };
  const bytesMax = object.wal.kind === 'history' ? HISTORY_BYTES_MAX : SEGMENT_BYTES_MAX;
  try {
    return await readWal(place, key, { bytesMax });
  } catch (error) {
    if (isProblem(error) && error.kind.retry === 'never') return undefined;
    throw error;
  }
}

/** Undefined: it is not of the log. */
export function walObjectOf(
  key: string,
): { readonly folder: ClusterFolder; readonly wal: WalObject } | undefined {
  const [, server = '', major = '', systemId = ''] = /^([^/]+)\/(\d+)-(\d+)\//.exec(key) ?? [];
  if (!isServerName(server)) return undefined;
  const folder = { server, major: Number(major), systemId };
  const wal = readWalKey(folder, key);
  return wal === undefined ? undefined : { folder, wal };
}
