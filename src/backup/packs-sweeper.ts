/**
 * Takes back the packs of a backup whose run died. A backup that was committed before the run died is
 * whole: it is recorded, never swept.
 */
import { z } from 'zod';

import type { Sweeper } from '../gate/operation.ts';
import type { Json } from '../kernel/codecs.ts';
import { type BackupId, isBackupId, isServerName, type ServerName } from '../kernel/ids.ts';
import { type BackupDeps, requireStore } from './deps.ts';

export const BACKUP_PACKS = 'backup packs';

const Reference = z.strictObject({
  server: z.string().refine(isServerName),
  store: z.string(),
  backupId: z.string().refine(isBackupId),
});

export interface PacksClaim {
  readonly server: ServerName;
  readonly store: string;
  readonly backupId: BackupId;
}

export function packsReference({ server, store, backupId }: PacksClaim): {
  readonly [key: string]: Json;
} {
  return { server, store, backupId };
}

export function backupPacksSweeper(deps: BackupDeps): Sweeper {
  return {
    kind: BACKUP_PACKS,
    sweep: async (reference, { signal, log }) => {
      const { server, store: storeName, backupId } = Reference.parse(reference);
      const store = requireStore(deps, storeName);
      const access = { store, ring: deps.ring, server, signal };
      const removed = await deps.engine.sweepUnfinished({
        ...access,
        backupId,
        olderThanMs: 0,
        now: deps.clock.now(),
      });
      const { backups } = await deps.engine.listBackups(access);
      const committed = backups.find((backup) => backup.backupId === backupId);
      if (committed !== undefined)
        await deps.catalog.backups.record({
          server,
          backupId,
          store: storeName,
          summary: { ...committed },
        });
      log.info('Looked after a backup that was interrupted', {
        backupId,
        removedPacks: removed,
        committed: committed !== undefined,
      });
    },
  };
}
