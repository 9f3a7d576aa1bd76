/**
 * Where objects live. Implementations: `directory.ts`, `memory.ts`; one contract suite holds them
 * and every wrapper: `test/contract/object-store.contract.ts`.
 */
import type { Readable } from 'node:stream';

/** `shop/15-7341…/base/20261122T010000Z/manifest`: relative, no `..`, no empty part. */
export type ObjectKey = string & { readonly __brand: 'ObjectKey' };

/** Limit of a key, in characters. S3 allows 1,024 bytes; a file name 255. */
const KEY_CHARACTERS_MAX = 900;

export function isObjectKey(text: string): text is ObjectKey {
  if (text.length > KEY_CHARACTERS_MAX || !/^[A-Za-z0-9._/-]+$/.test(text)) return false;
  return text.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

export interface ObjectInfo {
  readonly key: ObjectKey;
  readonly sizeBytes: number;
}

export interface Written extends ObjectInfo {
  readonly outcome: 'written' | 'already there';
}

export interface CallOptions {
  readonly signal: AbortSignal;
}

export interface OpenOptions extends CallOptions {
  /** First byte to read, counted from 0. Default 0. */
  readonly startByte?: number;
  /** How many bytes at most. Default: to the end. Reading past the end yields fewer bytes. */
  readonly lengthBytes?: number;
}

export interface ObjectStore {
  /** For messages: `directory ./store`, never a secret. */
  readonly description: string;

  /**
   * Writes a whole object, or nothing: a reader never sees half of one, and when this resolves the
   * object survives a power cut. Writing the same bytes again is harmless and answers
   * `already there`. When `body` fails or `signal` aborts, nothing is left behind.
   *
   * @throws Problem STORAGE_WRITE_REFUSED when `key` holds other bytes; nothing is overwritten.
   * @throws Problem STORAGE_FULL when there is no room; STORAGE_UNREACHABLE when there is no store.
   */
  put(key: ObjectKey, body: Readable, options: CallOptions): Promise<Written>;

  /**
   * Opens an object, or a range of it, for reading. The caller destroys the stream.
   *
   * @throws Problem STORAGE_OBJECT_MISSING when there is no such object.
   */
  open(key: ObjectKey, options: OpenOptions): Promise<Readable>;

  /** The object's size, or undefined when there is none. */
  stat(key: ObjectKey, options: CallOptions): Promise<ObjectInfo | undefined>;

  /** Objects whose key begins with `prefix`, in ascending key order (by code unit). */
  list(prefix: string, options: CallOptions): AsyncIterable<ObjectInfo>;

  /** Removes the object. Removing a missing object is not a problem. */
  remove(key: ObjectKey, options: CallOptions): Promise<void>;

  /** Removes what interrupted writes left behind and is older than `olderThanMs`; answers how many. */
  sweep(options: CallOptions & { readonly olderThanMs: number }): Promise<number>;
}
