/**
 * Keeps the base backups in the other store level: a whole catch-up, then each backup that the catalogue
 * says the first store has. Resolves when another whole catch-up is due.
 */
import { z } from 'zod';

import type { BackupRecord } from '../catalog/records.ts';
import type { ClusterFolder } from '../engines/engine.ts';
import { manifestKey } from '../engines/streaming/format.ts';
import { isServerName } from '../kernel/ids.ts';
import type { ObjectKey } from '../storage/object-store.ts';
import { type BackupsCaughtUp, catchUpBackups, clusterFolders } from './catch-up.ts';
import type { Copying } from './copy.ts';
import { CATCH_UP_EVERY_MS } from './follow-log.ts';
import { untilElapsed } from './waiting.ts';

const LOOK_MS = 2000;

/** @throws Problem when a store does not answer. */
export async function followBackups(copying: Copying): Promise<void> {
  const { deps, notices, signal } = copying;
  const failures = notices.failuresEver;
  await catchUpAll(copying);
  const caughtUpMs = deps.clock.elapsedMs();
  /** One that did not get there is tried again with the next whole catch-up. */
  const tried = new Set<string>();
  while (!signal.aborted && deps.clock.elapsedMs() - caughtUpMs < CATCH_UP_EVERY_MS) {
    await untilElapsed(LOOK_MS, deps.clock, signal);
    if (signal.aborted || notices.hasRecovered(failures)) return;
    for (const { key } of await missingRows(copying)) {
      if (tried.has(key)) continue;
      tried.add(key);
      await catchUpBackups(copying, key.replace(/manifest$/, ''), new Set());
    }
  }
}

async function catchUpAll(copying: Copying): Promise<void> {
  const { route, deps, notices } = copying;
  // Before the listing: a backup that is copied meanwhile must not be struck.
  const rows = (await deps.catalog.backups.list(route.server)).flatMap(placed);
  const known = rows.filter(({ store }) => store === route.target.name);
  const keys = new Set<string>(known.map(({ key }) => key));
  const wrong = new Set<string>();
  const held = new Set<ObjectKey>();
  for (const folder of await clusterFolders(copying, copying)) {
    const done: BackupsCaughtUp = await catchUpBackups(copying, `${folder}base/`, keys);
    for (const code of done.wrong) wrong.add(code);
    for (const key of done.held) held.add(key);
  }
  await strike(
    copying,
    known.filter(({ key }) => !held.has(key)),
  );
  await notices.passed('backups', wrong);
}

/** Only what the store itself says that it lacks; a store that does not answer says nothing. */
async function strike(copying: Copying, rows: readonly Placed[]): Promise<void> {
  const { route, target, deps, signal } = copying;
  for (const { key, backupId } of rows) {
    if ((await target.stat(key, { signal })) !== undefined) continue;
    await deps.catalog.backups.remove(route.server, backupId, route.target.name);
    deps.log.info('A backup is no longer in the other store', {
      server: route.server,
      store: route.target.name,
      backupId,
    });
  }
}

/** Backups that the first store has and the other lacks, as far as the catalogue knows. */
async function missingRows({ route, deps }: Copying): Promise<readonly Placed[]> {
  const rows = (await deps.catalog.backups.list(route.server)).flatMap(placed);
  const there = new Set(
    rows.filter(({ store }) => store === route.target.name).map(({ key }) => key),
  );
  return rows.filter(({ store, key }) => store === route.source.name && !there.has(key));
}

interface Placed {
  readonly store: string;
  readonly backupId: BackupRecord['backupId'];
  /** Of its manifest. */
  readonly key: ObjectKey;
}

const Summary = z.object({
  server: z.string().refine(isServerName),
  major: z.number(),
  systemId: z.string(),
});

function placed({ store, backupId, summary }: BackupRecord): readonly Placed[] {
  const read = Summary.safeParse(summary);
  if (!read.success) return [];
  const folder: ClusterFolder = read.data;
  return [{ store, backupId, key: manifestKey(folder, backupId) }];
}
