/**
 * Where objects live. Implementations: `directory.ts`, `memory.ts`, `s3/`; one contract suite holds
 * them and every wrapper: `test/contract/object-store.contract.ts`.
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

export interface ListOptions extends CallOptions {
  /** Only keys that come later than this text, a key or not: whoever seeks walks past nothing. */
  readonly after?: string;
}

export interface PutOptions extends CallOptions {
  /** Nobody may remove the object before. A store without `locks` cannot keep that, and ignores it. */
  readonly retainUntil?: Temporal.Instant;
}

export interface OpenOptions extends CallOptions {
  /** First byte to read, counted from 0. Default 0. */
  readonly startByte?: number;
  /** How many bytes at most. Default: to the end. Reading past the end yields fewer bytes. */
  readonly lengthBytes?: number;
}

/** One thing that takes room in a store. */
export interface StoredItem {
  /** Of what interrupted writes left behind it may be a name that no object can have. */
  readonly key: string;
  readonly sizeBytes: number;
  /** `noncurrent`: an older version that a bucket keeps; `unfinished`: of a write that did not end. */
  readonly state: 'current' | 'noncurrent' | 'unfinished';
  /** Such as `STANDARD_IA`; undefined: the store knows no classes. */
  readonly storageClass?: string;
}

/** Objects that nobody can remove before their time: S3 Object Lock. */
export interface ObjectLocks {
  /**
   * Makes it later; an earlier moment changes nothing.
   *
   * @throws Problem STORAGE_OBJECT_MISSING; STORAGE_UNREACHABLE; STORAGE_DENIED
   */
  retain(key: ObjectKey, until: Temporal.Instant, options: CallOptions): Promise<void>;
  /** Undefined: it may be removed at any time. */
  retainedUntil(key: ObjectKey, options: CallOptions): Promise<Temporal.Instant | undefined>;
}

export interface ObjectStore {
  /** For messages: `directory ./store`, never a secret. */
  readonly description: string;

  /** Undefined: whatever is here can be removed at any time. */
  readonly locks?: ObjectLocks | undefined;

  /**
   * Writes a whole object, or nothing: a reader never sees half of one, and when this resolves the
   * object survives a power cut. Writing the same bytes again is harmless and answers
   * `already there`. When `body` fails or `signal` aborts, nothing is left behind.
   *
   * @throws Problem STORAGE_WRITE_REFUSED when `key` holds other bytes; nothing is overwritten.
   * @throws Problem STORAGE_FULL when there is no room; STORAGE_UNREACHABLE when there is no store.
   */
  put(key: ObjectKey, body: Readable, options: PutOptions): Promise<Written>;

  /**
   * Opens an object, or a range of it, for reading. The caller destroys the stream.
   *
   * @throws Problem STORAGE_OBJECT_MISSING when there is no such object.
   */
  open(key: ObjectKey, options: OpenOptions): Promise<Readable>;

  /** The object's size, or undefined when there is none. */
  stat(key: ObjectKey, options: CallOptions): Promise<ObjectInfo | undefined>;

  /** Objects whose key begins with `prefix`, in ascending key order (by code unit). */
  list(prefix: string, options: ListOptions): AsyncIterable<ObjectInfo>;

  /**
   * Removes the object, and every version of it that the store keeps. Removing a missing object is not
   * a problem.
   *
   * @throws Problem STORAGE_OBJECT_LOCKED before its time; STORAGE_REMOVE_DENIED without the right.
   */
  remove(key: ObjectKey, options: CallOptions): Promise<void>;

  /** Everything that takes room, in any order; what cannot be read by `list()` too. */
  census(options: CallOptions): AsyncIterable<StoredItem>;

  /** Removes what interrupted writes left behind and is older than `olderThanMs`; answers how many. */
  sweep(options: CallOptions & { readonly olderThanMs: number }): Promise<number>;
}
