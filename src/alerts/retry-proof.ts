/**
 * A proof of the schedule that could not tell is asked for again after a while, a few times. What is due is
 * read from the runs themselves, so that a bot that was down goes on where it was; asking twice for one run
 * makes one. The decision is pure.
 */
import type { RunRecord } from '../catalog/runs.ts';
import type { Actor } from '../gate/people.ts';
import type { Json } from '../kernel/codecs.ts';
import { isProblem, type Problem } from '../kernel/problem.ts';
import type { AlertsDeps, PagedServer } from './deps.ts';
import { againId, isOfNewest, proofEnd, scheduleOf } from './run-findings.ts';

const AGAIN_AFTER_MINUTES = 15;
/** Older ones are left: the schedule's next turn is nearer than their answer is worth. */
const AGAIN_WITHIN_HOURS = 6;
/** More proofs of one server in that time nobody asks for. */
const RUNS_MAX = 50;

export interface DueProof {
  /** The one that could not tell. */
  readonly run: RunRecord;
  /** `verify:shop`. */
  readonly schedule: string;
  /** This try's number, from 1. */
  readonly attempt: number;
}

/** Those whose time has come. `runs`: the server's proofs, newest first. Pure. */
export function dueProofs(
  runs: readonly RunRecord[],
  retries: number,
  now: Temporal.Instant,
): readonly DueProof[] {
  return leftProofs(runs, retries).filter(({ run }) => {
    const minutes = minutesSince(run, now);
    return minutes >= AGAIN_AFTER_MINUTES && minutes <= AGAIN_WITHIN_HOURS * 60;
  });
}

/** Those that were not tried again while it was worth it: people must hear what nobody could tell. Pure. */
export function missedProofs(
  runs: readonly RunRecord[],
  retries: number,
  now: Temporal.Instant,
): readonly DueProof[] {
  return leftProofs(runs, retries).filter(
    ({ run }) => minutesSince(run, now) > AGAIN_WITHIN_HOURS * 60,
  );
}

/** Of each schedule its newest proof decides, of the newest backup and of older ones apart. */
function leftProofs(runs: readonly RunRecord[], retries: number): readonly DueProof[] {
  const seen = new Set<string>();
  return runs.flatMap((run, index) => {
    const by = scheduleOf(run);
    const series = `${by?.id} ${isOfNewest(run)}`;
    if (by === undefined || seen.has(series)) return [];
    seen.add(series);
    if (proofEnd(run)?.verdict !== 'ERROR' || by.again >= retries) return [];
    // Somebody else's has told since, or is about to.
    if (runs.slice(0, index).some((later) => tellsOrRuns(later, run))) return [];
    return [{ run, schedule: by.id, attempt: by.again + 1 }];
  });
}

/** When the try after this run is due; undefined: none is. Pure. */
export function againAt(
  run: RunRecord,
  retries: number,
): { at: string; attempt: number } | undefined {
  const by = scheduleOf(run);
  if (by === undefined || by.again >= retries || run.endedAt === null) return undefined;
  if (proofEnd(run)?.verdict !== 'ERROR') return undefined;
  const at = Temporal.Instant.from(run.endedAt).add({ minutes: AGAIN_AFTER_MINUTES });
  return { at: at.toString(), attempt: by.again + 1 };
}

/** While one runs, whatever it looks at, another would only be held back. */
function tellsOrRuns(later: RunRecord, run: RunRecord): boolean {
  if (later.endedAt === null) return true;
  const verdict = proofEnd(later)?.verdict;
  const isTold = verdict === 'PASS' || verdict === 'FAIL';
  return isTold && (isOfNewest(later) || !isOfNewest(run));
}

function minutesSince({ endedAt }: RunRecord, now: Temporal.Instant): number {
  return endedAt === null ? 0 : now.since(Temporal.Instant.from(endedAt)).total('minutes');
}

type AskingDeps = Pick<AlertsDeps, 'clock' | 'log' | 'zone' | 'audience'> & {
  readonly catalog: { readonly runs: Pick<AlertsDeps['catalog']['runs'], 'list'> };
  readonly gate: Pick<AlertsDeps['gate'], 'ask'>;
};

/** A proof that could not tell and is not tried again, with the reason. */
export interface Undecided {
  readonly run: RunRecord;
  readonly title: string;
  readonly next: string;
}

/**
 * What is not tried again: it was missed, or cannot even be asked for. What may be the next time is asked for again first, as
 * long as a try would have taken its time.
 */
export async function askAgain(
  deps: AskingDeps,
  { name, retries }: PagedServer,
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly Undecided[]> {
  const { catalog, gate, clock, log, zone, audience } = deps;
  const runs = await catalog.runs.list({ server: name, operation: 'verify', limit: RUNS_MAX });
  const untold = missedProofs(runs, retries, clock.now()).flatMap(({ run }): Undecided[] => {
    const end = proofEnd(run);
    return end === undefined ? [] : [{ run, title: end.title, next: end.next }];
  });
  for (const { run, schedule, attempt } of dueProofs(runs, retries, clock.now())) {
    const actor: Actor = {
      kind: 'schedule',
      id: againId(schedule, attempt),
      name: `schedule ${schedule}, try ${attempt + 1}`,
      zone,
    };
    try {
      await gate.ask({
        operation: 'verify',
        input: isObject(run.input) ? run.input : { server: name },
        actor,
        signal,
        performer: 'any',
        onceKey: `alerts:again:${run.runId}`,
        ...(audience === undefined ? {} : { audience }),
      });
      log.info('Asked again for a proof that could not tell', { server: name, run: run.runId });
    } catch (error) {
      if (signal.aborted || !isProblem(error)) throw error;
      const { message: title, hint: next } = error;
      if (isHopeless(error, run, clock.now())) untold.push({ run, title, next });
      else log.warn('A proof cannot be asked for again yet', { server: name, error });
    }
  }
  return untold;
}

function isHopeless(problem: Problem, run: RunRecord, now: Temporal.Instant): boolean {
  return problem.kind.retry === 'never' || minutesSince(run, now) >= 2 * AGAIN_AFTER_MINUTES;
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
