/**
 * How a ring lies in AWS Secrets Manager, version 1: one secret for each generation, and a pointer.
 *
 * ```
 * <name>/<keyId>   { "version": 1, "keyId", "key" (32 bytes, base64), "createdAt" }: the same words as in
 *                  a key file, so that people can keep it on paper; 32 plain bytes (SecretBinary) are
 *                  read too
 * <name>/active    { "version": 1, "keys": [keyId, …], "next": keyId | null }: generations oldest
 *                  first, the last one current; `next` is one that is being made and wraps nothing yet
 * ```
 *
 * A secret is never given another value once the pointer names it. Only reads and checks: pure.
 */
import { z } from 'zod';

import { Problem } from '../kernel/problem.ts';
import type { StoredSecret } from '../secrets/secrets-manager.ts';
import { KEY_BYTES, KEY_ID } from './generations.ts';
import { KeyEntry } from './key-file.ts';
import { KEY_SECRET_INVALID } from './problems.ts';

const KeyId = z.string().regex(KEY_ID);

const Pointer = z.strictObject({
  version: z.literal(1),
  keys: z.array(KeyId),
  next: KeyId.nullable(),
});
export interface Pointer {
  readonly keys: readonly string[];
  readonly next: string | null;
}

const KeySecret = KeyEntry.extend({ version: z.literal(1) });
const Lengths = z.object({ key: z.base64() });

export interface SecretWhere {
  readonly name: string;
  readonly region: string;
}

export function pointerName(name: string): string {
  return `${name}/active`;
}

export function generationName(name: string, keyId: string): string {
  return `${name}/${keyId}`;
}

export function pointerText({ keys, next }: Pointer): string {
  return JSON.stringify({ version: 1, keys, next });
}

export function generationText(entry: KeyEntry): string {
  return JSON.stringify({ version: 1, ...entry });
}

/** @throws Problem KEY_SECRET_INVALID */
export function readPointer({ text = '' }: StoredSecret, where: SecretWhere): Pointer {
  const read = Pointer.safeParse(parse(text));
  if (!read.success) throw invalid(where, 'it is not a list of key ids');
  const { keys, next } = read.data;
  if (new Set(keys).size !== keys.length) throw invalid(where, 'a key id stands twice in it');
  return { keys, next };
}

/** @throws Problem KEY_SECRET_INVALID, which never shows the value. */
export function readGeneration(secret: StoredSecret, where: SecretWhere, keyId: string): Buffer {
  const { bytes, text } = secret;
  if (bytes !== undefined) return requireLength(bytes, where);
  const json = parse(text ?? '');
  const lengths = Lengths.safeParse(json);
  if (!lengths.success) throw invalid(where, 'it holds no key');
  const key = requireLength(Buffer.from(lengths.data.key, 'base64'), where);
  const read = KeySecret.safeParse(json);
  if (!read.success) throw invalid(where, 'it is not written the way dbdr writes keys');
  if (read.data.keyId !== keyId)
    throw invalid(where, `it holds the key "${read.data.keyId}" and should hold "${keyId}"`);
  return key;
}

function requireLength(key: Buffer, where: SecretWhere): Buffer {
  if (key.length === KEY_BYTES) return key;
  throw invalid(where, `its key has ${key.length} bytes and should have ${KEY_BYTES}`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No cause: the parser's error quotes the text.
    return undefined;
  }
}

function invalid({ name, region }: SecretWhere, why: string): Problem {
  return new Problem(KEY_SECRET_INVALID, `Cannot use the secret "${name}" in ${region}: ${why}`, {
    facts: { secret: name, region },
  });
}
