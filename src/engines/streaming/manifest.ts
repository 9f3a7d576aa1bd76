/**
 * Writes and reads a backup's manifest (bytes in `format.ts`). Putting it is the commit point. What
 * its plain preamble says is believed only when the encrypted part holds the preamble's hash.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import { z } from 'zod';

import { type EncryptedObject, encryptObject, openObject } from '../../encryption/object.ts';
import { canonicalJson } from '../../kernel/codecs.ts';
import { isBackupId, isServerName } from '../../kernel/ids.ts';
import { isLsn } from '../../kernel/lsn.ts';
import type { ObjectKey } from '../../storage/object-store.ts';
import type { BackupSummary, StoreAndKeys } from '../engine.ts';
import { Catalogues, type ProofPoint, ProofPointHead } from '../proof-point.ts';
import { decodeFiles, encodeFiles, type FileEntry } from './file-list.ts';
import { FORMAT_VERSION, manifestKey, parseBackupKey } from './format.ts';
import { damaged } from './pack-format.ts';

const MAGIC = Buffer.from('DBMF');
const FIXED_BYTES = 12;
const PREAMBLE_BYTES_MAX = 4 << 20;
const HEAD_LENGTH_BYTES = 4;
const HEAD_BYTES_MAX = 64 << 20;
/** About a million files each. */
const SECTION_BYTES_MAX = 512 << 20;
/** Far more than is ever written. */
const CATALOGUES_BYTES_MAX = 64 << 20;

const whole = z.number().int().nonnegative();

/** The plain preamble. Its type is `BackupSummary`. */
const Preamble = z.strictObject({
  backupId: z.string().refine(isBackupId),
  server: z.string().refine(isServerName),
  major: whole,
  systemId: z.string().regex(/^\d{1,20}$/),
  timeline: whole,
  segmentBytes: whole.positive(),
  beginLsn: z.string().refine(isLsn),
  endLsn: z.string().refine(isLsn),
  beganAt: z.string(),
  endedAt: z.string(),
  sourceBytes: whole,
  storedBytes: whole,
  files: whole,
  packs: whole,
  keyId: z.string(),
  damagedFiles: z.array(z.string()),
  damagedBlocks: z.record(z.string(), z.array(whole)).optional(),
  leftOut: z.array(z.string()).optional(),
  proofLsn: z.string().refine(isLsn).optional(),
});

const ManifestHead = z.strictObject({
  /** Of everything before the encrypted part, hexadecimal. */
  preambleSha256: z.string(),
  /** Names and values as the server showed them. */
  settings: z.record(z.string(), z.string()),
  tablespaces: z.array(z.strictObject({ oid: whole.positive(), path: z.string() })),
  packs: z.array(z.strictObject({ name: z.string(), sizeBytes: whole, frames: whole })),
  filesBytes: whole,
  postgresManifestBytes: whole,
  /** Encrypted with the rest: it tells the names of tables. */
  proofPoint: ProofPointHead.optional(),
  /** Whoever lists backups reads every head, so they stand behind the rest. */
  cataloguesBytes: whole.optional(),
});
type ManifestHead = z.infer<typeof ManifestHead>;

export interface PackEntry {
  readonly name: string;
  readonly sizeBytes: number;
  readonly frames: number;
}

export interface ManifestContent {
  readonly summary: BackupSummary;
  readonly settings: Readonly<Record<string, string>>;
  readonly tablespaces: readonly { readonly oid: number; readonly path: string }[];
  readonly packs: readonly PackEntry[];
  readonly files: readonly FileEntry[];
  /** PostgreSQL's own `backup_manifest`, as the server wrote it. */
  readonly postgresManifest: Buffer;
  /** Where there is one, the summary's `proofLsn` is its `untilLsn`. */
  readonly proofPoint?: ProofPoint | undefined;
}

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

export async function writeManifest(
  { store, ring }: StoreAndKeys,
  content: ManifestContent,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const { summary, settings, tablespaces, packs, proofPoint } = content;
  if (summary.proofLsn !== proofPoint?.untilLsn)
    throw new TypeError('The plain part must say where the proof point ends');
  const key = manifestKey(summary, summary.backupId);
  const preamble = encodePreamble(summary);
  const files = await compress(await encodeFiles(content.files));
  const postgresManifest = await compress(content.postgresManifest);
  const proof = await encodeProofPoint(proofPoint);
  const head: ManifestHead = {
    preambleSha256: sha256(preamble),
    settings: { ...settings },
    tablespaces: [...tablespaces],
    packs: [...packs],
    filesBytes: files.length,
    postgresManifestBytes: postgresManifest.length,
    ...proof.head,
  };
  const headJson = Buffer.from(JSON.stringify(head));
  const headLength = Buffer.alloc(HEAD_LENGTH_BYTES);
  headLength.writeUInt32BE(headJson.length);
  const identity = { systemId: summary.systemId, name: key };
  const sealed = encryptObject(
    inPieces([headLength, headJson, files, postgresManifest, ...proof.parts]),
    {
      ring,
      identity,
    },
  );
  await store.put(key, Readable.from(joined(preamble, sealed), { objectMode: false }), { signal });
}

async function encodeProofPoint(proofPoint: ProofPoint | undefined): Promise<{
  readonly head: Pick<ManifestHead, 'proofPoint' | 'cataloguesBytes'>;
  readonly parts: readonly Buffer[];
}> {
  if (proofPoint === undefined) return { head: {}, parts: [] };
  const { catalogues, ...point } = proofPoint;
  if (catalogues === undefined) return { head: { proofPoint: point }, parts: [] };
  const part = await compress(JSON.stringify(catalogues));
  return { head: { proofPoint: point, cataloguesBytes: part.length }, parts: [part] };
}

/** A manifest whose preamble is proved, its larger parts not read yet. */
export interface OpenManifest {
  readonly summary: BackupSummary;
  readonly settings: Readonly<Record<string, string>>;
  readonly tablespaces: readonly { readonly oid: number; readonly path: string }[];
  readonly packs: readonly PackEntry[];
  files(): Promise<FileEntry[]>;
  postgresManifest(): Promise<Buffer>;
  /** With its catalogues; undefined: none could be taken, or the backup is older than they are. */
  proofPoint(): Promise<ProofPoint | undefined>;
}

export interface ReadManifestRequest extends StoreAndKeys {
  readonly key: ObjectKey;
  readonly signal: AbortSignal;
}

/** @throws Problem BACKUP_DAMAGED, OBJECT_DAMAGED, DECRYPTION_FAILED, KEY_NOT_FOUND, STORAGE_* */
export async function openManifest(request: ReadManifestRequest): Promise<OpenManifest> {
  const { store, ring, key, signal } = request;
  const { bytes, summary } = await readPreamble(request);
  const identity = { systemId: summary.systemId, name: key };
  const object = await openObject({ store, key, ring, identity, signal, startByte: bytes.length });
  const { head, headBytes } = await readHead(object, key);
  if (head.preambleSha256 !== sha256(bytes)) throw damaged(key, 'its plain part was changed');
  const filesAt = HEAD_LENGTH_BYTES + headBytes;
  const manifestAt = filesAt + head.filesBytes;
  const cataloguesAt = manifestAt + head.postgresManifestBytes;
  if (cataloguesAt + (head.cataloguesBytes ?? 0) !== object.plainBytes)
    throw damaged(key, 'its parts do not add up to its length');
  return {
    summary,
    settings: head.settings,
    tablespaces: head.tablespaces,
    packs: head.packs,
    files: async () => decodeFiles(await section(object, filesAt, head.filesBytes), key),
    postgresManifest: async () => section(object, manifestAt, head.postgresManifestBytes),
    async proofPoint() {
      const { proofPoint, cataloguesBytes } = head;
      if (proofPoint === undefined || cataloguesBytes === undefined) return proofPoint;
      const stored = await object.readRange(cataloguesAt, cataloguesBytes);
      return { ...proofPoint, catalogues: await readCatalogues(stored, key) };
    },
  };
}

async function readCatalogues(stored: Buffer, key: string): Promise<Catalogues> {
  try {
    const json = await decompress(stored, { maxOutputLength: CATALOGUES_BYTES_MAX });
    return Catalogues.parse(JSON.parse(json.toString('utf8')));
  } catch (error) {
    throw damaged(key, 'its catalogues cannot be read', error);
  }
}

export interface ReadManifest {
  readonly summary: BackupSummary;
  /** Names and values as the server showed them when the backup began. */
  readonly settings: Readonly<Record<string, string>>;
  readonly postgresManifest: Buffer;
  /** Undefined: none could be taken, or the backup is older than they are. */
  readonly proofPoint: ProofPoint | undefined;
}

/** What recovery and verification need of a backup's manifest. */
export async function readManifest(
  request: StoreAndKeys & { readonly summary: BackupSummary; readonly signal: AbortSignal },
): Promise<ReadManifest> {
  const key = manifestKey(request.summary, request.summary.backupId);
  const manifest = await openManifest({ ...request, key });
  const { summary, settings } = manifest;
  const postgresManifest = await manifest.postgresManifest();
  const proofPoint = await manifest.proofPoint();
  return { summary, settings, postgresManifest, proofPoint };
}

/** The plain part alone; unproved. */
async function readPreamble({
  store,
  key,
  signal,
}: ReadManifestRequest): Promise<{ bytes: Buffer; summary: BackupSummary }> {
  const first = await buffer(await store.open(key, { signal, lengthBytes: FIXED_BYTES }));
  if (first.length < FIXED_BYTES || !first.subarray(0, 4).equals(MAGIC))
    throw damaged(key, 'it does not begin like a manifest');
  const version = first[4] ?? 0;
  if (version !== FORMAT_VERSION)
    throw damaged(key, `its version is ${version} and should be ${FORMAT_VERSION}`);
  const lengthBytes = first.readUInt32BE(8);
  if (lengthBytes > PREAMBLE_BYTES_MAX) throw damaged(key, 'its plain part is far too large');
  const options = { signal, startByte: FIXED_BYTES, lengthBytes };
  const json = await buffer(await store.open(key, options));
  const summary = parsePreamble(json, key);
  const place = parseBackupKey(key);
  if (place === undefined || manifestKey(summary, summary.backupId) !== key)
    throw damaged(key, 'it speaks of another backup');
  return { bytes: Buffer.concat([first, json]), summary };
}

function parsePreamble(json: Buffer, key: string): BackupSummary {
  try {
    const plain = Preamble.parse(JSON.parse(json.toString('utf8')));
    const { damagedBlocks, leftOut, proofLsn, ...rest } = plain;
    return {
      ...rest,
      ...(damagedBlocks === undefined ? {} : { damagedBlocks }),
      ...(leftOut === undefined ? {} : { leftOut }),
      ...(proofLsn === undefined ? {} : { proofLsn }),
    };
  } catch (error) {
    throw damaged(key, 'its plain part cannot be read', error);
  }
}

function encodePreamble(summary: BackupSummary): Buffer {
  const json = Buffer.from(canonicalJson({ ...summary }));
  const fixed = Buffer.alloc(FIXED_BYTES);
  MAGIC.copy(fixed);
  fixed[4] = FORMAT_VERSION;
  fixed.writeUInt32BE(json.length, 8);
  return Buffer.concat([fixed, json]);
}

async function readHead(
  object: EncryptedObject,
  key: string,
): Promise<{ head: ManifestHead; headBytes: number }> {
  const length = await object.readRange(0, HEAD_LENGTH_BYTES);
  const headBytes = length.length === HEAD_LENGTH_BYTES ? length.readUInt32BE() : 0;
  if (headBytes > HEAD_BYTES_MAX) throw damaged(key, 'its head is far too large');
  try {
    const json = await object.readRange(HEAD_LENGTH_BYTES, headBytes);
    return { head: ManifestHead.parse(JSON.parse(json.toString('utf8'))), headBytes };
  } catch (error) {
    if (error instanceof z.ZodError || error instanceof SyntaxError)
      throw damaged(key, 'its head cannot be read', error);
    throw error;
  }
}

async function section(object: EncryptedObject, at: number, lengthBytes: number): Promise<Buffer> {
  const stored = await object.readRange(at, lengthBytes);
  return await decompress(stored, { maxOutputLength: SECTION_BYTES_MAX });
}

/** Each is sealed in one go, between two turns of the event loop. */
const PIECE_BYTES = 1 << 20;

function* inPieces(parts: readonly Buffer[]): Generator<Buffer, void, undefined> {
  for (const part of parts)
    for (let at = 0; at < part.length; at += PIECE_BYTES) yield part.subarray(at, at + PIECE_BYTES);
}

async function* joined(
  first: Buffer,
  rest: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, void, undefined> {
  yield first;
  yield* rest;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
