/** Stores with a server's backups and log in them, as small as can be: manifests are real, packs are not. */
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';

import { keyRing } from '../../src/encryption/file-key-ring.ts';
import type { KeyRing } from '../../src/encryption/key-ring.ts';
import type { BackupSummary } from '../../src/engines/engine.ts';
import { packKey } from '../../src/engines/streaming/format.ts';
import { writeManifest } from '../../src/engines/streaming/manifest.ts';
import { clusterPrefix, historyKey, segmentKey } from '../../src/engines/streaming/wal-format.ts';
import { isBackupId, isServerName, type ServerName } from '../../src/kernel/ids.ts';
import { lsnFromBytes, toLsn } from '../../src/kernel/lsn.ts';
import { segmentNameAt } from '../../src/kernel/wal-name.ts';
import type { ObjectKey, ObjectStore } from '../../src/storage/object-store.ts';
import { backupOf, type Day, logOf, SEGMENT_BYTES } from './retention-days.ts';

export const { signal } = new AbortController();

export function testRing(): KeyRing {
  return keyRing(new Map([['k1', randomBytes(32)]]));
}

function serverName(text: string): ServerName {
  if (!isServerName(text)) throw new TypeError(text);
  return text;
}

export const SHOP = serverName('shop');

export function summaryOf(day: Day): BackupSummary {
  const { proofLsn, ...summary } = backupOf(day).summary;
  const { backupId } = summary;
  if (!isBackupId(backupId)) throw new TypeError(backupId);
  return {
    ...summary,
    backupId,
    server: SHOP,
    beginLsn: toLsn(summary.beginLsn),
    endLsn: toLsn(summary.endLsn),
    ...(proofLsn === undefined ? {} : { proofLsn: toLsn(proofLsn) }),
    sourceBytes: 5000,
    storedBytes: 8,
    files: 1,
    packs: 2,
    keyId: 'k1',
  };
}

/** Not smaller than an encrypted object can be: what is covers nothing. */
const LOG = 'log'.padEnd(64, '.');

/** Two packs, the manifest, and the log of that day. */
export async function putDay(
  stores: readonly ObjectStore[],
  ring: KeyRing,
  day: Day,
): Promise<BackupSummary> {
  const summary = summaryOf(day);
  for (const store of stores) {
    for (const name of ['pack-0001', 'pack-0002'])
      await put(store, packKey(summary, summary.backupId, name), 'pack');
    const content = {
      summary,
      settings: {},
      tablespaces: [],
      packs: [{ name: 'pack-0001', sizeBytes: 4, frames: 1 }],
      files: [],
      postgresManifest: Buffer.from('{}'),
    };
    await writeManifest({ store, ring }, content, { signal });
    await put(store, historyKey(summary, '00000002.history'), 'history');
    for (const piece of logOf(day.number)) {
      if (piece.kind === 'history') continue;
      const name = segmentNameAt(piece.timeline, lsnFromBytes(piece.from), SEGMENT_BYTES);
      await put(store, segmentKey(summary, name, 'a'.repeat(32)), LOG);
    }
  }
  return summary;
}

export async function put(store: ObjectStore, key: ObjectKey, text: string): Promise<void> {
  await store.put(key, Readable.from([Buffer.from(text)], { objectMode: false }), { signal });
}

export async function keysOf(store: ObjectStore, part = ''): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(`shop/${part}`, { signal })) keys.push(key);
  return keys;
}

/** The ids of the backups whose manifests are there, oldest first. */
export async function listedIn(store: ObjectStore): Promise<readonly string[]> {
  const keys = await keysOf(store);
  return keys.filter((key) => key.endsWith('/manifest')).map((key) => key.split('/').at(-2) ?? '');
}

/** Packs of backups that are not listed. */
export async function residueIn(store: ObjectStore): Promise<readonly string[]> {
  const listed = await listedIn(store);
  const keys = await keysOf(store);
  return keys.filter((key) => key.includes('/pack-') && !listed.some((id) => key.includes(id)));
}

export function prefixOf(summary: BackupSummary): string {
  return clusterPrefix(summary);
}
