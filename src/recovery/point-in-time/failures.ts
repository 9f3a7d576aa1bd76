/** Turns what PostgreSQL, the disk and the engine say when a restore fails into what a person can act on. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { PLACE_FILES, type ScratchPlace } from '../../clusters/place.ts';
import { CLUSTER_DISK_FULL, CLUSTER_NOT_STARTED } from '../../clusters/problems.ts';
import { isProblem, Problem } from '../../kernel/problem.ts';
import { RECOVERY_FAILED, TARGET_NOT_REACHED, TARGET_TOO_EARLY } from '../problems.ts';

const LOG_CHARACTERS = 20_000;
/** A cause of a cause of a cause: deeper than that nobody looks. */
const CAUSES_MAX = 8;

/** Answers the problem to tell; an error that is nothing of the kind comes back as it is. */
export async function explainFailure(failure: unknown, place: ScratchPlace): Promise<unknown> {
  const log = await readFile(join(place.folder, PLACE_FILES.log), 'utf8').catch(() => '');
  return explainWith(failure, log.slice(-LOG_CHARACTERS), place.dataDirectory);
}

/** Pure. */
export function explainWith(error: unknown, log: string, directory: string): unknown {
  if (isDiskFull(error) || (isFromPostgres(error) && /No space left on device/.test(log))) {
    const message = `Cannot restore into "${directory}": the disk is full`;
    return new Problem(CLUSTER_DISK_FULL, message, { facts: { directory }, cause: error });
  }
  if (!isFromPostgres(error)) return error;
  if (log.includes('requested recovery stop point is before consistent recovery point')) {
    const message =
      'Cannot recover to the target: it lies before the end of the chosen backup, where the copy is not whole yet';
    return new Problem(TARGET_TOO_EARLY, message, { cause: error });
  }
  if (isProblem(error, CLUSTER_NOT_STARTED)) {
    const message = `Cannot replay the restored copy: ${lastWords(log)}`;
    return new Problem(RECOVERY_FAILED, message, { facts: error.facts, cause: error });
  }
  return error;
}

function isFromPostgres(error: unknown): boolean {
  return isProblem(error, CLUSTER_NOT_STARTED) || isProblem(error, TARGET_NOT_REACHED);
}

function isDiskFull(error: unknown): boolean {
  let cause = error;
  for (let depth = 0; depth < CAUSES_MAX && cause instanceof Error; depth += 1) {
    if ('code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT')) return true;
    cause = cause.cause;
  }
  return false;
}

function lastWords(log: string): string {
  const telling = log.split('\n').filter((line) => /\b(FATAL|PANIC|ERROR):/.test(line));
  return (telling.length > 0 ? telling : log.trim().split('\n')).slice(-3).join('\n');
}
