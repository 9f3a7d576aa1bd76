/**
 * What a store holds of one server, as rows of objects in the order they were written: each base backup
 * that is committed (its packs, then its manifest), the WAL of each timeline, the tails, and the holds. Names
 * alone are read here; which key an object needs stands in its plain header.
 */
import { buffer } from 'node:stream/consumers';
import type { KeyRing } from '../encryption/key-ring.ts';
import { type EncryptedObject, openObject, readKeyId } from '../encryption/object.ts';
import { parseBackupKey } from '../engines/streaming/format.ts';
import type { ServerName } from '../kernel/ids.ts';
import type { ObjectKey, ObjectStore } from '../storage/object-store.ts';

export interface ObjectRow {
  readonly kind: 'backup' | 'wal' | 'hold';
  readonly systemId: string;
  readonly keys: readonly ObjectKey[];
}

export interface StoreOfServer {
  readonly store: ObjectStore;
  readonly server: ServerName;
  readonly signal: AbortSignal;
}

/** A manifest's magic, version and reserved bytes, and the length of its plain part. */
const MANIFEST_FIXED_BYTES = 12;
const MANIFEST_MAGIC = Buffer.from('DBMF');

/** @throws Problem STORAGE_* */
export async function listRows({ store, server, signal }: StoreOfServer): Promise<ObjectRow[]> {
  const rows = new Map<string, { readonly kind: ObjectRow['kind']; readonly keys: ObjectKey[] }>();
  const committed = new Set<string>();
  for await (const { key } of store.list(`${server}/`, { signal })) {
    const place = rowOf(key);
    if (place === undefined) continue;
    if (key.endsWith('/manifest')) committed.add(place.row);
    const row = rows.get(place.row) ?? { kind: place.kind, keys: [] };
    rows.set(place.row, row);
    row.keys.push(key);
  }
  return [...rows]
    .filter(([name, { kind }]) => kind !== 'backup' || committed.has(name))
    .map(([name, { kind, keys }]) => ({
      kind,
      systemId: /^[^/]+\/\d+-(\d+)\//.exec(name)?.[1] ?? '',
      keys: kind === 'backup' ? manifestLast(keys) : keys,
    }));
}

/** `shop/15-734…/base/2026…Z`, `shop/15-734…/wal/00000001`, `…/wal/others`, `…/hold/others`. */
function rowOf(
  key: string,
): { readonly row: string; readonly kind: ObjectRow['kind'] } | undefined {
  const backup = parseBackupKey(key);
  if (backup !== undefined)
    return { row: `${backup.folder}/base/${backup.backupId}`, kind: 'backup' };
  const [, folder = '', part = '', timeline = 'others'] =
    /^([^/]+\/\d+-\d+)\/(wal|tail|hold)\/(?:([0-9A-F]{8})\/)?[^/]/.exec(key) ?? [];
  if (folder === '') return undefined;
  return { row: `${folder}/${part}/${timeline}`, kind: part === 'hold' ? 'hold' : 'wal' };
}

function manifestLast(keys: readonly ObjectKey[]): ObjectKey[] {
  return [
    ...keys.filter((key) => !key.endsWith('/manifest')),
    ...keys.filter((key) => key.endsWith('/manifest')),
  ];
}

export interface ObjectInStore {
  readonly store: ObjectStore;
  readonly key: ObjectKey;
  readonly signal: AbortSignal;
}

/** @throws Problem STORAGE_*, OBJECT_DAMAGED */
export async function keyIdOf(object: ObjectInStore): Promise<string> {
  return await readKeyId({ ...object, startByte: await startOf(object) });
}

/** Unwraps its key. @throws Problem STORAGE_*, OBJECT_DAMAGED, KEY_NOT_FOUND, DECRYPTION_FAILED */
export async function openStored(
  object: ObjectInStore,
  { ring, systemId }: { readonly ring: KeyRing; readonly systemId: string },
): Promise<EncryptedObject> {
  const identity = { systemId, name: object.key };
  return await openObject({ ...object, ring, identity, startByte: await startOf(object) });
}

/** A manifest's encrypted part begins behind its plain one. */
async function startOf({ store, key, signal }: ObjectInStore): Promise<number> {
  if (!key.endsWith('/manifest')) return 0;
  const fixed = await buffer(await store.open(key, { signal, lengthBytes: MANIFEST_FIXED_BYTES }));
  const isManifest =
    fixed.length === MANIFEST_FIXED_BYTES && fixed.subarray(0, 4).equals(MANIFEST_MAGIC);
  return isManifest ? MANIFEST_FIXED_BYTES + fixed.readUInt32BE(8) : 0;
}
