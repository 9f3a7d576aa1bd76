/**
 * The bytes of an encrypted object, version 1, and the words for it.
 *
 * ```
 * 0   4   magic "DBDR"
 * 4   1   version: 1
 * 5   1   reserved: 0
 * 6   2   length of the header JSON in bytes, big endian
 * 8   n   header JSON: { "keyId": text, "wrapped": base64 }; `wrapped` is the data key
 * 8+n …   Tink streaming AEAD AES256_GCM_HKDF_1MB: 1 byte header length (40), 32 bytes salt,
 *         7 bytes nonce prefix, then ciphertext segments of 1 MiB (the first shorter by those 40
 *         bytes), 16 bytes of tag in each; nonce = prefix, segment number, last flag
 * ```
 *
 * A data key is drawn for each object and wrapped with the key-encryption key `keyId`. The associated
 * data of both wrapping and content is `associatedData(identity)`: an object that was moved to another
 * name or another cluster's folder does not decrypt.
 */
export const MAGIC = Buffer.from('DBDR');
export const OBJECT_VERSION = 1;
/** Ciphertext segment size of the Tink layout. Source: Tink docs, streaming AEAD wire format. */
export const SEGMENT_BYTES = 1 << 20;
/** An object's header may not be larger; a longer one is damage. */
export const HEADER_JSON_BYTES_MAX = 4096;

/** What an object is: bound into its encryption. */
export interface ObjectIdentity {
  /** PostgreSQL's system identifier, decimal text. */
  readonly systemId: string;
  /** The object's key below the store's prefix. */
  readonly name: string;
}

export function associatedData({ systemId, name }: ObjectIdentity): Buffer {
  return Buffer.from(`dbdr/v1\0${systemId}\0${name}`);
}
