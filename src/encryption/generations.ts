/**
 * The generations of key-encryption keys that were read from where they are kept, and a ring made of
 * them. A generation that cannot be read is a gap, not the end: what the others wrapped stays readable,
 * and whoever needs the gap is told why it is one.
 *
 * Wrapping is AES-256-GCM with a random nonce: nonce, ciphertext, tag, in base64. Associated data is
 * that of the object, then a zero byte and the key id.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

import { Problem } from '../kernel/problem.ts';
import { associatedData, type ObjectIdentity } from './format.ts';
import type { KeyRing, WrappedKey } from './key-ring.ts';
import { DECRYPTION_FAILED, KEY_NOT_FOUND } from './problems.ts';

export const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES;
const NAME_DIGITS = 32;
const KEY_ID_BYTES = 4;

/** What a key id may be: it becomes part of a secret's name. */
export const KEY_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** As they were read at one moment. */
export interface Generations {
  /** Every generation there is, oldest first; the last one is current. */
  readonly order: readonly string[];
  /** Secret. Those that could be read. */
  readonly keys: ReadonlyMap<string, Buffer>;
  /** Why the others could not. */
  readonly unreadable: ReadonlyMap<string, Problem>;
  /** What a person should hear of although every key was read: a place that does not answer. */
  readonly warnings: readonly Problem[];
}

export function newKeyId(): string {
  return `k-${randomBytes(KEY_ID_BYTES).toString('hex')}`;
}

export function newKey(): Buffer {
  return randomBytes(KEY_BYTES);
}

/** @throws TypeError when there is no generation at all. */
export function ringOf({ order, keys, unreadable }: Generations): KeyRing {
  const [oldestId] = order;
  const currentId = order.at(-1);
  if (currentId === undefined || oldestId === undefined) throw new TypeError('A ring needs a key');
  const oldest = keys.get(oldestId);
  // Of the oldest key: names stay the same when a newer generation is added.
  const nameKey = oldest === undefined ? undefined : nameKeyOf(oldest);

  function keyOf(keyId: string): Buffer {
    const key = keys.get(keyId);
    if (key !== undefined) return key;
    throw gap(keyId, unreadable.get(keyId), order);
  }

  return {
    get currentKeyId() {
      keyOf(currentId);
      return currentId;
    },
    keyIds: order.filter((keyId) => keys.has(keyId)),
    wrap: (dataKey, identity) => wrap(dataKey, identity, currentId, keyOf(currentId)),
    unwrap: (wrapped, identity) => unwrap(wrapped, identity, keyOf(wrapped.keyId)),
    contentName(content) {
      if (nameKey === undefined) throw gap(oldestId, unreadable.get(oldestId), order);
      return createHmac('sha256', nameKey).update(content).digest('hex').slice(0, NAME_DIGITS);
    },
  };
}

function nameKeyOf(key: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), 'dbdr/v1 content names', KEY_BYTES));
}

function gap(keyId: string, why: Problem | undefined, order: readonly string[]): Problem {
  // Whoever could not be asked may answer later; that is no word about the object.
  if (why !== undefined && why.kind.retry !== 'never') return why;
  if (why !== undefined) {
    return new Problem(KEY_NOT_FOUND, `Cannot use the key "${keyId}": ${why.message}`, {
      facts: { keyId },
      hint: why.hint,
      cause: why,
    });
  }
  return new Problem(
    KEY_NOT_FOUND,
    `Cannot find the key "${keyId}": this ring holds ${order.join(', ')}`,
    { facts: { keyId } },
  );
}

function wrap(dataKey: Buffer, identity: ObjectIdentity, keyId: string, key: Buffer): WrappedKey {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(wrapData(identity, keyId));
  const parts = [nonce, cipher.update(dataKey), cipher.final(), cipher.getAuthTag()];
  return { keyId, wrapped: Buffer.concat(parts).toString('base64') };
}

function unwrap({ keyId, wrapped }: WrappedKey, identity: ObjectIdentity, key: Buffer): Buffer {
  const bytes = Buffer.from(wrapped, 'base64');
  try {
    // Base64 has room for bits that decode to nothing: only the one form that wrap() writes is taken.
    if (bytes.length !== WRAPPED_BYTES || bytes.toString('base64') !== wrapped)
      throw new Error('It is not a wrapped key');
    const nonce = bytes.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(wrapData(identity, keyId));
    decipher.setAuthTag(bytes.subarray(WRAPPED_BYTES - TAG_BYTES));
    const sealed = bytes.subarray(NONCE_BYTES, WRAPPED_BYTES - TAG_BYTES);
    return Buffer.concat([decipher.update(sealed), decipher.final()]);
  } catch (error) {
    throw new Problem(
      DECRYPTION_FAILED,
      `Cannot unwrap the data key of "${identity.name}" with the key "${keyId}": it was wrapped for another object or cluster, with another key, or it is damaged`,
      { facts: { object: identity.name, keyId }, cause: error },
    );
  }
}

function wrapData(identity: ObjectIdentity, keyId: string): Buffer {
  return Buffer.concat([associatedData(identity), Buffer.from(`\0${keyId}`)]);
}
