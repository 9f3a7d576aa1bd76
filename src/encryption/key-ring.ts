/** Key-encryption keys, as the rest of the house sees them. Implementation: `living-ring.ts`. */
import type { ObjectIdentity } from './format.ts';

export interface WrappedKey {
  readonly keyId: string;
  /** Base64. */
  readonly wrapped: string;
}

export interface KeyRing {
  /**
   * The generation that new objects are wrapped with.
   *
   * @throws Problem KEY_NOT_FOUND when it cannot be read: without it nothing is written.
   */
  readonly currentKeyId: string;
  /** Every generation that can be read, oldest first. */
  readonly keyIds: readonly string[];

  /** @throws Problem KEY_NOT_FOUND, KEY_UNREADABLE */
  wrap(dataKey: Buffer, identity: ObjectIdentity): WrappedKey;

  /**
   * @throws Problem KEY_NOT_FOUND when the generation is not on this ring.
   * @throws Problem DECRYPTION_FAILED when key, name or cluster are not the ones it was wrapped for.
   */
  unwrap(wrapped: WrappedKey, identity: ObjectIdentity): Buffer;

  /**
   * A keyed hash of plain content, 32 hexadecimal digits: names a WAL segment by what it holds
   * without telling a reader of the store anything about it. The same over rotations.
   */
  contentName(content: Buffer): string;

  /**
   * Looks again where the keys are kept, unless that was done a moment ago: another process may have
   * rotated. Undefined: this ring never changes.
   *
   * @throws Problem KEY_* when it cannot be done; what was known stays known.
   */
  refresh?(options: { readonly signal: AbortSignal }): Promise<void>;
}
