/** Config section `stores`: where objects live. */
import { z } from 'zod';

const DirectoryStore = z.strictObject({
  kind: z.literal('directory'),
  path: z.string().min(1),
});

/** Keys by name, or a profile of the SDK's own files; neither: the SDK's default chain. */
const Credentials = z.union([
  z.strictObject({ profile: z.string().min(1) }),
  z.strictObject({
    access_key_id: z.string().min(1),
    secret_access_key: z.string().min(1),
    session_token: z.string().min(1).optional(),
  }),
]);

const ObjectLockSection = z.strictObject({
  /** `compliance`: until its time nobody can remove an object, not even the owner of the account. */
  mode: z.enum(['compliance', 'governance']),
});

const Encryption = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('aes256') }),
  z.strictObject({ kind: z.literal('kms'), key: z.string().min(1) }),
]);

const S3Store = z.strictObject({
  kind: z.literal('s3'),
  bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be a name of a bucket'),
  /** Below which all objects lie; default: the bucket itself. */
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/, 'must be names with slashes between them')
    .optional(),
  region: z.string().min(1),
  /** Of a compatible server; default: Amazon's own. */
  endpoint: z
    .string()
    .regex(/^https?:\/\//, 'must begin with https:// or http://')
    .optional(),
  force_path_style: z.boolean().default(false),
  storage_class: z.string().min(1).optional(),
  /** What the bucket does besides our own encryption; default: what the bucket says. */
  encryption: Encryption.optional(),
  object_lock: ObjectLockSection.optional(),
  credentials: Credentials.optional(),
  /** Who removes; the writer then needs no right to. Default: the writer itself. */
  deleter: Credentials.optional(),
});

export const StoresSection = z
  .record(
    z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower case letters, digits and dashes'),
    z.discriminatedUnion('kind', [DirectoryStore, S3Store]),
  )
  .refine((stores) => Object.keys(stores).length > 0, 'must name at least one store');
export type StoresSection = z.infer<typeof StoresSection>;
