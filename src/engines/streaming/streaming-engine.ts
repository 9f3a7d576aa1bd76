/** The streaming engine: base backups over the replication protocol, in packs of format v1. */
import { availableParallelism } from 'node:os';

import type { Clock } from '../../kernel/clock.ts';
import type { Engine } from '../engine.ts';
import { checkObjects, listBackups, sweepUnfinished } from './backups.ts';
import { CHEAPEST, type Compression } from './pack-format.ts';
import { restoreFiles } from './restore-files.ts';
import { takeBackup } from './take-backup.ts';

/** One for each core; a walsender feeds no more than this many. */
const WORKERS_MAX = 8;

/** How one server is backed up. */
export interface StreamingTuning {
  /** Default: zstd at level 1. */
  readonly compression?: Compression;
  /**
   * What the server is asked for at most. Default: as fast as it goes. A restore is never held back:
   * somebody waits for it.
   */
  readonly maxBytesPerSecond?: number | undefined;
  /** Worker threads for each backup or restore. Default: one for each core, at most 8. */
  readonly workers?: number | undefined;
}

export interface StreamingEngineOptions {
  /** The server's connection URL. Asked for when a backup begins, so that it may change. */
  readonly connectionUrl: (server: string) => string;
  readonly clock: Clock;
  /** Asked for when a backup or a restore begins. Default: the defaults of everything. */
  readonly tuning?: (server: string) => StreamingTuning;
  /** For servers whose tuning says nothing of it. */
  readonly workers?: number;
  /** Stored bytes after which a pack is ended. Default 64 MiB. */
  readonly packBytesMax?: number;
  /** After so much silence a server that is being backed up counts as gone. Default 15 min. */
  readonly silenceMs?: number;
}

export function streamingEngine(options: StreamingEngineOptions): Engine {
  const { connectionUrl, clock, packBytesMax, silenceMs } = options;
  const some = options.workers ?? Math.min(WORKERS_MAX, availableParallelism());
  function tuning(server: string): StreamingTuning {
    return options.tuning?.(server) ?? {};
  }
  return {
    takeBackup: async (request) => {
      const { compression = CHEAPEST, maxBytesPerSecond, workers = some } = tuning(request.server);
      return await takeBackup(
        {
          url: connectionUrl(request.server),
          workers,
          compression,
          maxBytesPerSecond,
          clock,
          ...(packBytesMax === undefined ? {} : { packBytesMax }),
          ...(silenceMs === undefined ? {} : { silenceMs }),
        },
        request,
      );
    },
    listBackups,
    restoreFiles: async (request) => {
      const { workers = some } = tuning(request.summary.server);
      return await restoreFiles(request, { workers });
    },
    checkObjects,
    sweepUnfinished,
  };
}
