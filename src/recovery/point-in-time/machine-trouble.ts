/**
 * Whether what PostgreSQL wrote tells of this machine, and not of the backup that it replayed: a proof must not
 * call a backup bad because memory ran out here, or because somebody ended the copy. Whatever may come of damage
 * (a crash, an error in replay) is none of it. Pure.
 */
import { CLUSTER_DISK_FULL, CLUSTER_KILLED, CLUSTER_NO_MEMORY } from '../../clusters/problems.ts';
import type { ProblemKind } from '../../kernel/problem.ts';

/** Of the start in question only: at its end we ended an earlier one ourselves. */
export interface EndOfReplay {
  readonly log: string;
  /** The postmaster, still. */
  readonly isRunning: boolean;
}

interface MachineTrouble {
  readonly kind: ProblemKind;
  /** What there is: the end of a sentence. */
  readonly what: string;
}

/** Lines of a process that gave up. What it only mentions may come of anything. */
const NO_MEMORY =
  /(?:FATAL|PANIC): {2}(.*(?:out of memory|Cannot allocate memory|shared memory segment.*No space left on device).*)|LOG: {2}(could not fork startup process: .*)/;
const DISK_FULL = /No space left on device|Disk quota exceeded/;
/** PostgreSQL tells the first only: who was ended because of that is not named. */
const ENDING =
  /LOG: {2}(received (?:smart|fast|immediate) shutdown request|.*\(PID \d+\) was terminated by signal (\d+).*|startup process \(PID (\d+)\) exited with exit code 1\b)/;
/** SIGKILL and SIGTERM. PostgreSQL ends itself by others, and by 6 and 11 where data makes it crash. */
const FROM_OUTSIDE: ReadonlySet<string> = new Set(['9', '15']);
/** Of the restore command; a shell in between tells its child's signal as 128 and more. */
const COMMAND_KILLED =
  /could not restore file .*child process (?:was terminated by signal 9\b.*|exited with exit code 137\b)/;
const GAVE_UP = /(?:FATAL|PANIC): {2}/;
/** What sessions say whose postmaster has gone. */
const ORPHANED = /^.*FATAL: {2}terminating connection due to unexpected postmaster exit.*$/gm;
/** The last that a postmaster writes, whyever it ends. */
const LAST_WORDS = 'database system is shut down';

/** Undefined: nothing speaks for it. */
export function machineTrouble(end: EndOfReplay): MachineTrouble | undefined {
  const [, gaveUp, notForked] = NO_MEMORY.exec(end.log) ?? [];
  const memory = gaveUp ?? notForked;
  if (memory !== undefined)
    return { kind: CLUSTER_NO_MEMORY, what: `this machine lacks memory: ${memory}` };
  if (DISK_FULL.test(end.log)) return { kind: CLUSTER_DISK_FULL, what: 'the disk is full' };
  const killed = whoWasKilled(end);
  if (killed === undefined) return undefined;
  return { kind: CLUSTER_KILLED, what: `PostgreSQL was ended from outside: ${killed}` };
}

function whoWasKilled({ log, isRunning }: EndOfReplay): string | undefined {
  const [, words, signal, startup] = ENDING.exec(log) ?? [];
  if (words === undefined) return isRunning ? undefined : wordless(log);
  if (signal !== undefined) return FROM_OUTSIDE.has(signal) ? words : undefined;
  return startup === undefined ? words : whyStartupEnded(log, { words, pid: startup });
}

/** Asked to end by SIGTERM it writes nothing; every other reason it gives. */
function whyStartupEnded(
  log: string,
  { words, pid }: { readonly words: string; readonly pid: string },
): string | undefined {
  const command = COMMAND_KILLED.exec(log)?.[0];
  if (command !== undefined) return command;
  const own = log.split('\n').filter((line) => line.includes(`[${pid}]`));
  return own.some((line) => GAVE_UP.test(line)) ? undefined : `${words} without a reason`;
}

/** Only what cannot be caught leaves a postmaster no time to write; it does not touch the data. */
function wordless(log: string): string | undefined {
  const hasWords = log.includes(LAST_WORDS) || GAVE_UP.test(log.replace(ORPHANED, ''));
  return hasWords || !log.includes('LOG:  ')
    ? undefined
    : 'its first process is gone without a word';
}
