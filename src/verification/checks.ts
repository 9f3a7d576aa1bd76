/**
 * One thing that a proof looks at, with its verdict and the seconds it took. A check that throws could not
 * tell: ERROR, never PASS.
 */
import { z } from 'zod';

import type { Clock } from '../kernel/clock.ts';
import { isProblem, type Problem } from '../kernel/problem.ts';
import { combineVerdicts, VERDICTS, type Verdict } from '../kernel/verdict.ts';

export const Check = z.strictObject({
  /** `Log position`: the same name each time. */
  check: z.string(),
  verdict: z.enum(VERDICTS),
  /** What was seen: one sentence without its stop. */
  detail: z.string(),
  seconds: z.number(),
});
export type Check = z.infer<typeof Check>;

export type Seen = Pick<Check, 'verdict' | 'detail'>;

export interface CheckBook {
  readonly checks: readonly Check[];
  /** Does one check and writes it down. Only a cancelled proof throws. */
  look(check: string, work: () => Promise<Seen>): Promise<void>;
  /** Writes down what is known without looking. */
  note(check: string, seen: Seen & { readonly seconds?: number }): void;
  verdict(): Verdict;
}

export function openCheckBook(clock: Clock, signal: AbortSignal): CheckBook {
  const checks: Check[] = [];

  function note(
    check: string,
    { seconds = 0, ...seen }: Seen & { readonly seconds?: number },
  ): void {
    checks.push({ check, ...seen, seconds: Math.round(seconds * 1000) / 1000 });
  }

  return {
    checks,
    note,
    async look(check, work) {
      const beganMs = clock.elapsedMs();
      const seen = await work().catch((error: unknown): Seen => {
        signal.throwIfAborted();
        return couldNotTell(error);
      });
      note(check, { ...seen, seconds: (clock.elapsedMs() - beganMs) / 1000 });
    },
    verdict: () => verdictOf(checks),
  };
}

export const STORED_LOG = 'Stored log';

/** The check that is about another store than the one that is proved. */
export function otherStore(name: string): string {
  return `Store ${name}`;
}

/** Where the copy stands, against where production was counted. */
const POSITION = 'Log position';

/** A copy that was compared with nothing may be sound, and is not proved. */
export function verdictOf(checks: readonly Pick<Check, 'check' | 'verdict'>[]): Verdict {
  const verdict = combineVerdicts(checks.map((one) => one.verdict));
  const isAlone = checks.some((one) => one.check === POSITION && one.verdict === 'SKIPPED');
  return verdict === 'PASS' && isAlone ? 'SKIPPED' : verdict;
}

export function couldNotTell(error: unknown): Seen {
  return { verdict: 'ERROR', detail: `could not be told: ${sayError(error)}` };
}

/** Codes that say that what is stored is bad, rather than that we could not look. */
const DAMAGE: ReadonlySet<string> = new Set([
  'BACKUP_DAMAGED',
  'DECRYPTION_FAILED',
  'OBJECT_DAMAGED',
  'OBJECT_TOO_LARGE',
  'STORAGE_OBJECT_MISSING',
  'WAL_DAMAGED',
  'WAL_HOLE',
  'TARGET_NOT_REACHED',
  'RECOVERY_FAILED',
]);

/** A restore that did not come out: is the backup bad, or were we unable to try? */
export function judgeFailure(error: unknown): Seen {
  if (isProblem(error) && isDamage(error))
    return { verdict: 'FAIL', detail: `${error.message} (${error.kind.code})` };
  return couldNotTell(error);
}

export function isDamage({ kind }: Problem): boolean {
  return DAMAGE.has(kind.code);
}

function sayError(error: unknown): string {
  if (isProblem(error)) return `${error.message} (${error.kind.code})`;
  return error instanceof Error ? error.message : String(error);
}
