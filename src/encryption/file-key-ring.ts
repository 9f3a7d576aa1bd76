/**
 * A key ring kept in one file, mode 0600: `{ "version": 1, "keys": [{ "keyId", "key" (32 bytes,
 * base64), "createdAt" }] }`, oldest first, the last one current. Refuses a file that anybody but its
 * owner may read. Keys never leave this file's objects; nothing here logs or shows them.
 *
 * Wrapping is AES-256-GCM with a random nonce: nonce, ciphertext, tag, in base64. Associated data is
 * that of the object, then a zero byte and the key id.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';

import { type Clock, systemClock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import { Problem } from '../kernel/problem.ts';
import { associatedData, type ObjectIdentity } from './format.ts';
import type { KeyRing, WrappedKey } from './key-ring.ts';
import {
  DECRYPTION_FAILED,
  KEY_FILE_EXISTS,
  KEY_FILE_MISSING,
  KEY_FILE_MODE,
  KEY_NOT_FOUND,
  KEY_UNREADABLE,
} from './problems.ts';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES;
/** A key file has a few hundred bytes for each key. */
const FILE_BYTES_MAX = 1024 * 1024;
const NAME_DIGITS = 32;

const KeyFile = z.strictObject({
  version: z.literal(1),
  keys: z
    .array(
      z.strictObject({
        keyId: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
        key: z.base64().refine((text) => Buffer.from(text, 'base64').length === KEY_BYTES),
        createdAt: z.string(),
      }),
    )
    .min(1),
});
type KeyFile = z.infer<typeof KeyFile>;

/** Makes a key file with one new key. @throws Problem KEY_FILE_EXISTS; nothing is overwritten. */
export async function createKeyFile(path: string, clock: Clock = systemClock): Promise<void> {
  const key = {
    keyId: `k-${randomBytes(4).toString('hex')}`,
    key: randomBytes(KEY_BYTES).toString('base64'),
    createdAt: utcText(clock.now()),
  };
  const file: KeyFile = { version: 1, keys: [key] };
  try {
    await using handle = await open(path, 'wx', 0o600);
    await handle.writeFile(`${JSON.stringify(file, null, 2)}\n`);
    await handle.sync();
  } catch (error) {
    if (errorCode(error) === 'EEXIST')
      throw new Problem(KEY_FILE_EXISTS, `Cannot make the key file "${path}": it exists already`);
    throw unreadable(path, 'it cannot be written', error);
  }
  await using folder = await open(dirname(path), 'r');
  await folder.sync();
}

/** @throws Problem KEY_FILE_MISSING, KEY_FILE_MODE, KEY_UNREADABLE */
export async function openFileKeyRing(path: string): Promise<KeyRing> {
  await using handle = await openKeyFile(path);
  const stats = await handle.stat();
  const { mode, size } = stats;
  if (!stats.isFile()) throw unreadable(path, 'it is not a file');
  if ((mode & 0o077) !== 0) {
    throw new Problem(
      KEY_FILE_MODE,
      `Cannot use the key file "${path}": others may read it (mode ${(mode & 0o777).toString(8)}), and only its owner should`,
      { hint: `Take it away from everybody but its owner: \`chmod 600 ${path}\`.` },
    );
  }
  if (size > FILE_BYTES_MAX) throw unreadable(path, 'it is far too large');
  const parsed = KeyFile.safeParse(readJson(await handle.readFile('utf8'), path));
  // What is wrong is told by its place only: the value may be a key.
  if (!parsed.success) {
    const places = parsed.error.issues.map((issue) => issue.path.join('.') || 'the whole');
    throw unreadable(path, `it is not a key file (${[...new Set(places)].join(', ')})`);
  }
  const keys = new Map(
    parsed.data.keys.map(({ keyId, key }) => [keyId, Buffer.from(key, 'base64')]),
  );
  if (keys.size !== parsed.data.keys.length) throw unreadable(path, 'a key id stands twice in it');
  return keyRing(keys);
}

async function openKeyFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      throw new Problem(KEY_FILE_MISSING, `Cannot read the key file "${path}": no such file`, {
        facts: { path },
      });
    }
    throw unreadable(path, 'it cannot be opened', error);
  }
}

/** A ring of keys that are at hand already, oldest first: for the file above and for tests. */
export function keyRing(keys: ReadonlyMap<string, Buffer>): KeyRing {
  const keyIds = [...keys.keys()];
  const currentKeyId = keyIds.at(-1);
  const oldest = keys.get(keyIds[0] ?? '');
  if (currentKeyId === undefined || oldest === undefined) throw new TypeError('A ring needs a key');
  // Of the oldest key: names stay the same when a newer generation is added.
  const nameKey = Buffer.from(
    hkdfSync('sha256', oldest, Buffer.alloc(0), 'dbdr/v1 content names', KEY_BYTES),
  );

  function keyOf(keyId: string): Buffer {
    const key = keys.get(keyId);
    if (key !== undefined) return key;
    throw new Problem(
      KEY_NOT_FOUND,
      `Cannot find the key "${keyId}": this ring holds ${keyIds.join(', ')}`,
      { facts: { keyId } },
    );
  }

  return {
    currentKeyId,
    keyIds,
    wrap: (dataKey, identity) => wrap(dataKey, identity, currentKeyId, keyOf(currentKeyId)),
    unwrap: (wrapped, identity) => unwrap(wrapped, identity, keyOf(wrapped.keyId)),
    contentName: (content) =>
      createHmac('sha256', nameKey).update(content).digest('hex').slice(0, NAME_DIGITS),
  };
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

function readJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No cause: the parser's error quotes the text.
    throw unreadable(path, 'it is not JSON');
  }
}

function unreadable(path: string, why: string, cause?: unknown): Problem {
  return new Problem(KEY_UNREADABLE, `Cannot use the key file "${path}": ${why}`, {
    facts: { path },
    cause,
  });
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
