/** The streaming engine: base backups over the replication protocol, in packs of format v1. */
import { availableParallelism } from 'node:os';

import type { Clock } from '../../kernel/clock.ts';
import type { Engine } from '../engine.ts';
import { checkObjects, listBackups, sweepUnfinished } from './backups.ts';
import { restoreFiles } from './restore-files.ts';
import { takeBackup } from './take-backup.ts';

/** One for each core; a walsender feeds no more than this many. */
const WORKERS_MAX = 8;

export interface StreamingEngineOptions {
  /** The server's connection URL. Asked for when a backup begins, so that it may change. */
  readonly connectionUrl: (server: string) => string;
  readonly clock: Clock;
  /** Worker threads for each backup or restore. Default: one for each core, at most 8. */
  readonly workers?: number;
  /** Stored bytes after which a pack is ended. Default 256 MiB. */
  readonly packBytesMax?: number;
  /** After so much silence a server that is being backed up counts as gone. Default 15 min. */
  readonly silenceMs?: number;
}

export function streamingEngine(options: StreamingEngineOptions): Engine {
  const { connectionUrl, clock, packBytesMax, silenceMs } = options;
  const workers = options.workers ?? Math.min(WORKERS_MAX, availableParallelism());
  return {
    takeBackup: async (request) =>
      await takeBackup(
        {
          url: connectionUrl(request.server),
          workers,
          clock,
          ...(packBytesMax === undefined ? {} : { packBytesMax }),
          ...(silenceMs === undefined ? {} : { silenceMs }),
        },
        request,
      ),
    listBackups,
    restoreFiles: async (request) => await restoreFiles(request, { workers }),
    checkObjects,
    sweepUnfinished,
  };
}
