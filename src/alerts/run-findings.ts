/**
 * What the end of a run says about a server, as findings that open and close. Pure.
 *
 * - A proof that says FAIL opens PROOF_FAILED, whoever asked for it, and names the copy. A copy is one
 *   backup in one store. What says that it is over is a PASS from the same store, of that backup or of a
 *   newer one: a PASS from another store has looked at other bytes, and one of an older backup does not
 *   show that today's can be restored. A copy that is no longer stored is over too (`withoutGone()`).
 * - A proof of the schedule that cannot tell is tried again (`retry-proof.ts`); when that is used up too,
 *   PROOF_UNDECIDED opens. A proof of the newest backup that can tell, PASS or FAIL, closes it; one of an older
 *   backup only what is undecided of older ones, which is kept apart. SKIPPED opens and closes nothing.
 * - A backup of the schedule that failed opens BACKUP_FAILED; the next one that is done closes it.
 *
 * What a person cancelled says nothing, nor what another run of its kind held back: that one tells, and
 * `verification/after-proof.ts` asks again for the proof. That no PASS came for too long is monitoring's to
 * notice.
 */
import { z } from 'zod';

import type { RunRecord } from '../catalog/runs.ts';
import { LEASE_HELD } from '../gate/problems.ts';
import type { Finding } from '../kernel/finding.ts';
import { VERDICTS, type Verdict } from '../kernel/verdict.ts';

export const PROOF_FAILED = 'PROOF_FAILED';
const PROOF_UNDECIDED = 'PROOF_UNDECIDED';
const BACKUP_FAILED = 'BACKUP_FAILED';

export const FailedCopy = z.object({
  backupId: z.string(),
  store: z.string(),
  runId: z.string(),
  title: z.string(),
  next: z.string(),
});
export type FailedCopy = z.infer<typeof FailedCopy>;

/** A finding with what a page tells beside it. */
export interface RunFinding extends Finding {
  readonly runId: string;
  readonly backupId?: string;
  readonly store?: string;
  /** All copies whose FAIL stands, the newest last. */
  readonly failed?: readonly FailedCopy[];
}

export interface FindingChange {
  /** Of its row: the finding's own, or with more behind it where there is more than one. */
  readonly code: string;
  readonly server: string;
  /** Undefined: it is over. */
  readonly finding: RunFinding | undefined;
}

export interface RunEnd {
  readonly run: RunRecord;
  /** How often a proof of the schedule is tried again. */
  readonly retries: number;
  /** Of this server, as they stand. */
  readonly failed: readonly FailedCopy[];
}

export function changesOf(end: RunEnd): readonly FindingChange[] {
  const { run } = end;
  if (run.server === null) return [];
  if (run.operation === 'verify') return proofChanges(end, run.server);
  return run.operation === 'backup' ? backupChanges(run, run.server) : [];
}

const Result = z.object({
  verdict: z.enum(VERDICTS),
  backupId: z.string(),
  store: z.string(),
  title: z.string(),
  next: z.string(),
});

const StoredProblem = z
  .object({ message: z.string(), hint: z.string() })
  .catch({ message: 'It ended without saying why', hint: 'Look at the log of `dbdr serve`.' });

const HeldBack = z.object({ code: z.literal(LEASE_HELD.code) });

/** What a proof says, as far as this room reads it. */
export type ProofEnd =
  | ({ readonly verdict: Exclude<Verdict, 'ERROR'> } & Omit<z.infer<typeof Result>, 'verdict'>)
  | { readonly verdict: 'ERROR'; readonly title: string; readonly next: string };

/** Undefined: it has not ended, or says nothing. */
export function proofEnd({ state, result, problem }: RunRecord): ProofEnd | undefined {
  if (state === 'done') {
    const read = Result.safeParse(result).data;
    if (read === undefined)
      return { verdict: 'ERROR', title: 'The proof answered nothing', next: 'Run `verify` again.' };
    const { verdict, ...rest } = read;
    return verdict === 'ERROR'
      ? { verdict, title: rest.title, next: rest.next }
      : { verdict, ...rest };
  }
  if (state !== 'failed' && state !== 'interrupted') return undefined;
  // Another proof of the server was running: it is asked for again when that one has ended.
  if (HeldBack.safeParse(problem).success) return undefined;
  const { message, hint } = StoredProblem.parse(problem);
  return { verdict: 'ERROR', title: message, next: hint };
}

const Asker = z.object({ kind: z.string(), id: z.string() });
const AGAIN = /#again-(\d+)$/;

/** Undefined: no schedule asked for it. `again`: how often it had been tried before. */
export function scheduleOf({
  asker,
}: Pick<RunRecord, 'asker'>): { readonly id: string; readonly again: number } | undefined {
  const read = Asker.safeParse(asker).data;
  if (read?.kind !== 'schedule') return undefined;
  return { id: read.id.replace(AGAIN, ''), again: Number(AGAIN.exec(read.id)?.[1] ?? 0) };
}

/** Who asks for the try after `again` others. */
export function againId(id: string, again: number): string {
  return `${id}#again-${again}`;
}

function proofChanges({ run, retries, failed }: RunEnd, server: string): readonly FindingChange[] {
  const end = proofEnd(run);
  const kinds = isOfNewest(run) ? [true, false] : [false];
  const told = kinds.map((ofNewest) => ({
    code: undecidedRow(ofNewest),
    server,
    finding: undefined,
  }));
  if (end === undefined) return [];
  switch (end.verdict) {
    case 'FAIL': {
      const { backupId, store, title, next } = end;
      const others = failed.filter((one) => one.backupId !== backupId || one.store !== store);
      const copy = { backupId, store, runId: run.runId, title, next };
      return [failedChange(server, [...others, copy], run.endedAt), ...told];
    }
    case 'PASS': {
      const left = failed.filter((one) => one.store !== end.store || one.backupId > end.backupId);
      return [failedChange(server, left, run.endedAt), ...told];
    }
    case 'ERROR': {
      const by = scheduleOf(run);
      return by === undefined || by.again < retries ? [] : [undecided(run, server, end)];
    }
    case 'SKIPPED':
      return [];
    default:
      throw new TypeError(`Unreachable verdict: ${JSON.stringify(end satisfies never)}`);
  }
}

/** PROOF_FAILED for the copies whose FAIL stands. */
export function failedChange(
  server: string,
  failed: readonly FailedCopy[],
  at: string | null,
): FindingChange {
  const newest = failed.at(-1);
  if (newest === undefined) return { code: PROOF_FAILED, server, finding: undefined };
  const { backupId, store, runId, title, next } = newest;
  const more = failed.length === 1 ? '' : `, and ${failed.length - 1} more before it`;
  const finding = {
    code: PROOF_FAILED,
    server,
    severity: 'page',
    summary: `${title}: backup ${backupId} in "${store}" FAILED its proof${more}`,
    hint: next,
    since: at ?? '',
    runbook: 'damaged-backup.md',
    runId,
    backupId,
    store,
    failed,
  } as const;
  return { code: PROOF_FAILED, server, finding };
}

/** Those that somebody could still restore from. */
export function withoutGone(
  failed: readonly FailedCopy[],
  stored: readonly { readonly backupId: string; readonly store: string }[],
): readonly FailedCopy[] {
  return failed.filter(({ backupId, store }) =>
    stored.some((row) => row.backupId === backupId && row.store === store),
  );
}

function undecided(
  run: RunRecord,
  server: string,
  { title, next }: { readonly title: string; readonly next: string },
): FindingChange {
  return undecidedChange(server, { title, next, run, at: run.endedAt ?? '' });
}

/** Nobody could tell, and nothing more is tried before the schedule's next turn. */
export function undecidedChange(
  server: string,
  why: {
    readonly title: string;
    readonly next: string;
    readonly run: Pick<RunRecord, 'runId' | 'plan'>;
    readonly at: string;
  },
): FindingChange {
  const finding = {
    code: PROOF_UNDECIDED,
    server,
    severity: 'page',
    summary: `${server} is not verified: ${why.title}`,
    hint: why.next,
    since: why.at,
    runId: why.run.runId,
  } as const;
  return { code: undecidedRow(isOfNewest(why.run)), server, finding };
}

function undecidedRow(ofNewest: boolean): string {
  return ofNewest ? PROOF_UNDECIDED : `${PROOF_UNDECIDED}:older`;
}

const OfOlder = z.object({ isNewest: z.literal(false) });

/** What a proof of an older backup says tells nothing of the newest. */
export function isOfNewest({ plan }: Pick<RunRecord, 'plan'>): boolean {
  return !OfOlder.safeParse(plan).success;
}

function backupChanges(run: RunRecord, server: string): readonly FindingChange[] {
  if (run.state === 'done') return [{ code: BACKUP_FAILED, server, finding: undefined }];
  const isOver = run.state === 'failed' || run.state === 'interrupted';
  if (!isOver || scheduleOf(run) === undefined) return [];
  // The one that was running tells.
  if (HeldBack.safeParse(run.problem).success) return [];
  const { message, hint } = StoredProblem.parse(run.problem);
  const finding = {
    code: BACKUP_FAILED,
    server,
    severity: 'page',
    summary: `The scheduled backup of ${server} failed: ${message}`,
    hint,
    since: run.endedAt ?? '',
    runId: run.runId,
  } as const;
  return [{ code: BACKUP_FAILED, server, finding }];
}
