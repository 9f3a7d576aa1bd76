/** Turns what PostgreSQL, the disk and the engine say when a restore fails into what a person can act on. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { PLACE_FILES, type ScratchPlace } from '../../clusters/place.ts';
import { CLUSTER_DISK_FULL, CLUSTER_NOT_STARTED } from '../../clusters/problems.ts';
import { findPostmaster } from '../../clusters/processes.ts';
import { isProblem, Problem } from '../../kernel/problem.ts';
import {
  LIBRARY_MISSING,
  RECOVERY_FAILED,
  TARGET_NOT_REACHED,
  TARGET_TOO_EARLY,
} from '../problems.ts';
import { type EndOfReplay, machineTrouble } from './machine-trouble.ts';

/** Whoever asks a copy that is ending adds a line each time, behind the one that tells why it ends. */
const LOG_CHARACTERS = 1_000_000;
/** In the order in which PostgreSQL reads them; the second is the one that was set aside. */
const SETTINGS_FILES = ['postgresql.conf', 'postgresql.auto.conf.of-production'];
/** A cause of a cause of a cause: deeper than that nobody looks. */
const CAUSES_MAX = 8;

/**
 * Answers the problem to tell; an error that is nothing of the kind comes back as it is. Asked before anything
 * of the copy is ended or removed: who has ended it otherwise is told apart by what runs and what was written.
 */
export async function explainFailure(failure: unknown, place: ScratchPlace): Promise<unknown> {
  const log = await textOf(join(place.folder, PLACE_FILES.log));
  const directory = place.dataDirectory;
  const settings = await Promise.all(
    SETTINGS_FILES.map(async (name) => textOf(join(directory, name))),
  );
  const libraries = librariesIn(settings.join('\n'));
  const isRunning = (await findPostmaster(place)) !== undefined;
  const end = { log: log.slice(-LOG_CHARACTERS), isRunning };
  return explainWith(failure, { ...end, directory, libraries });
}

/** With the end of what PostgreSQL wrote. */
interface Surroundings extends EndOfReplay {
  readonly directory: string;
  /** What production loads at its start, as far as its settings are in the backup. */
  readonly libraries: readonly string[];
}

/** Pure. */
export function explainWith(error: unknown, around: Surroundings): unknown {
  const { log, directory, libraries } = around;
  const trouble = isDiskFull(error)
    ? { kind: CLUSTER_DISK_FULL, what: 'the disk is full' }
    : isFromPostgres(error) && machineTrouble(around);
  if (trouble) {
    const message = `Cannot restore into "${directory}": ${trouble.what}`;
    return new Problem(trouble.kind, message, { facts: { directory }, cause: error });
  }
  if (!isFromPostgres(error)) return error;
  if (log.includes('requested recovery stop point is before consistent recovery point')) {
    const message =
      'Cannot recover to the target: it lies before the end of the chosen backup, where the copy is not whole yet';
    return new Problem(TARGET_TOO_EARLY, message, { hint: TOO_EARLY_HINT, cause: error });
  }
  const unknown = /resource manager with ID \d+ not registered/.exec(log)?.[0];
  if (unknown !== undefined) return lackingLibrary(unknown, { log, libraries, cause: error });
  if (isProblem(error, CLUSTER_NOT_STARTED)) {
    const message = `Cannot replay the restored copy: ${lastWords(log)}`;
    return new Problem(RECOVERY_FAILED, message, { facts: error.facts, cause: error });
  }
  return error;
}

/** A backup is chosen that had ended by our clock, and its log is read by the server's. */
const TOO_EARLY_HINT =
  'Ask for a later moment, or for a log position where the clock of the server was wrong while the backup was taken; `backups` shows how far back you can go.';

function lackingLibrary(
  words: string,
  { log, libraries, cause }: Pick<Surroundings, 'log' | 'libraries'> & { readonly cause: unknown },
): Problem {
  const lsn = /WAL redo at ([0-9A-F]+\/[0-9A-F]+)/.exec(log)?.[1];
  const at = lsn === undefined ? '' : ` at ${lsn}`;
  const loaded =
    libraries.length === 0
      ? "which one, production's `SHOW shared_preload_libraries` tells"
      : `production loads ${libraries.map((name) => `"${name}"`).join(', ')}`;
  return new Problem(
    LIBRARY_MISSING,
    `Cannot replay the log${at}: an extension wrote it, and the scratch cluster does not load its library (${words}); ${loaded}`,
    { facts: { libraries: libraries.join(', '), ...(lsn === undefined ? {} : { lsn }) }, cause },
  );
}

/** The last setting counts; of the backup's own files, by us set aside or not. Pure. */
export function librariesIn(settings: string): readonly string[] {
  const lines = [...settings.matchAll(/^\s*shared_preload_libraries\s*=?\s*'([^'\n]*)'/gm)];
  const value = lines.at(-1)?.[1] ?? '';
  return value
    .split(',')
    .map((name) => name.trim().replaceAll('"', ''))
    .filter((name) => name !== '');
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
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
