import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';

import { describe, expect, test } from 'vitest';

import { keyRing } from '../../../../src/encryption/file-key-ring.ts';
import type { BackupSummary } from '../../../../src/engines/engine.ts';
import { manifestKey } from '../../../../src/engines/streaming/format.ts';
import {
  type ManifestContent,
  openManifest,
  readManifest,
  writeManifest,
} from '../../../../src/engines/streaming/manifest.ts';
import { backupIdAt, isServerName, type ServerName } from '../../../../src/kernel/ids.ts';
import { toLsn } from '../../../../src/kernel/lsn.ts';
import { memoryStore } from '../../../../src/storage/memory.ts';
import { faultyStore } from '../../../support/faulty-store.ts';
import { sampleProofPoint } from '../../../support/sample-proof-point.ts';

const { signal } = new AbortController();
const ring = keyRing(new Map([['k1', randomBytes(32)]]));

function serverName(text: string): ServerName {
  if (!isServerName(text)) throw new TypeError(text);
  return text;
}

const SUMMARY: BackupSummary = {
  backupId: backupIdAt(Temporal.Instant.from('2026-11-22T01:00:00Z')),
  server: serverName('shop'),
  major: 15,
  systemId: '7341',
  timeline: 1,
  segmentBytes: 16_777_216,
  beginLsn: toLsn('0/3000028'),
  endLsn: toLsn('0/3000138'),
  beganAt: '2026-11-22T01:00:00.000000Z',
  endedAt: '2026-11-22T01:02:00.000000Z',
  sourceBytes: 1000,
  storedBytes: 300,
  files: 1,
  packs: 1,
  keyId: 'k1',
  damagedFiles: [],
};

const CONTENT: ManifestContent = {
  summary: SUMMARY,
  settings: { max_connections: '100' },
  tablespaces: [{ oid: 16_401, path: '/mnt/fast' }],
  packs: [{ name: 'pack-0001', sizeBytes: 300, frames: 1 }],
  files: [
    { path: 'base', kind: 'directory', sizeBytes: 0, mode: 0o700, modifiedSeconds: 5 },
    { path: 'base/ä\n"1', kind: 'file', sizeBytes: 1000, mode: 0o600, modifiedSeconds: 6 },
  ],
  postgresManifest: Buffer.from('{"Files": []}'),
};

const PROOF_POINT = sampleProofPoint('0/4000028', '0/5000000');

const KEY = manifestKey(SUMMARY, SUMMARY.backupId);

describe('a manifest', () => {
  test('gives back everything that was written', async () => {
    const store = memoryStore();
    await writeManifest({ store, ring }, CONTENT, { signal });

    const manifest = await openManifest({ store, ring, key: KEY, signal });

    expect(manifest.summary).toEqual(SUMMARY);
    expect(manifest.tablespaces).toEqual(CONTENT.tablespaces);
    expect(manifest.packs).toEqual(CONTENT.packs);
    expect(await manifest.files()).toEqual(CONTENT.files);
    expect(await readManifest({ store, ring, summary: SUMMARY, signal })).toEqual({
      summary: SUMMARY,
      settings: CONTENT.settings,
      postgresManifest: CONTENT.postgresManifest,
    });
  });

  test('holds its proof point in its encrypted part, and in the plain one only up to where it reaches', async () => {
    const store = memoryStore();
    const summary = { ...SUMMARY, proofLsn: PROOF_POINT.untilLsn };
    const content = { ...CONTENT, summary, proofPoint: PROOF_POINT };
    await writeManifest({ store, ring }, content, { signal });

    const read = await readManifest({ store, ring, summary, signal });

    expect(read).toMatchObject({ summary, proofPoint: PROOF_POINT });
    const bytes = await buffer(await store.open(KEY, { signal }));
    expect(bytes.toString('latin1')).toContain('"proofLsn":"0/5000000"');
    expect(bytes.toString('latin1')).not.toContain('customers');
  });

  test('is not written when its two parts do not speak of the same proof point', async () => {
    const content = { ...CONTENT, proofPoint: PROOF_POINT };

    const writing = writeManifest({ store: memoryStore(), ring }, content, { signal });

    await expect(writing).rejects.toThrow('must say where the proof point ends');
  });

  test('with any bit flipped is refused, the plain part too', async () => {
    const inner = memoryStore();
    await writeManifest({ store: inner, ring }, CONTENT, { signal });
    const sizeBytes = (await inner.stat(KEY, { signal }))?.sizeBytes ?? 0;
    expect(sizeBytes).toBeGreaterThan(700);
    const store = faultyStore(inner);
    let read = 0;

    for (let target = 0; target < sizeBytes; target++) {
      const bit = 1 << (target % 8);
      store.damage(/manifest$/, (bytes, at) => {
        const index = target - at;
        if (index >= 0 && index < bytes.length) bytes[index] = (bytes[index] ?? 0) ^ bit;
        return bytes;
      });
      const opening = openManifest({ store, ring, key: KEY, signal });
      await expect(opening).rejects.toMatchObject({
        kind: { code: expect.any(String) as unknown },
      });
      read++;
    }

    expect(read).toBe(sizeBytes);
  });
});
