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
import { againId, proofEnd, scheduleOf } from './run-findings.ts';

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

/** Of each schedule its newest proof decides. `runs`: the server's proofs, newest first. Pure. */
export function dueProofs(
  runs: readonly RunRecord[],
  retries: number,
  now: Temporal.Instant,
): readonly DueProof[] {
  const seen = new Set<string>();
  return runs.flatMap((run, index) => {
    const by = scheduleOf(run);
    if (by === undefined || seen.has(by.id)) return [];
    seen.add(by.id);
    if (proofEnd(run)?.verdict !== 'ERROR' || by.again >= retries) return [];
    // Somebody else's has told since, or is about to.
    if (runs.slice(0, index).some(hasToldOrWill)) return [];
    return isDue(run, now) ? [{ run, schedule: by.id, attempt: by.again + 1 }] : [];
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

function hasToldOrWill(run: RunRecord): boolean {
  const verdict = proofEnd(run)?.verdict;
  return run.endedAt === null || verdict === 'PASS' || verdict === 'FAIL';
}

function isDue({ endedAt }: RunRecord, now: Temporal.Instant): boolean {
  if (endedAt === null) return false;
  const minutes = now.since(Temporal.Instant.from(endedAt)).total('minutes');
  return minutes >= AGAIN_AFTER_MINUTES && minutes <= AGAIN_WITHIN_HOURS * 60;
}

type AskingDeps = Pick<AlertsDeps, 'clock' | 'log' | 'zone' | 'audience'> & {
  readonly catalog: { readonly runs: Pick<AlertsDeps['catalog']['runs'], 'list'> };
  readonly gate: Pick<AlertsDeps['gate'], 'ask'>;
};

/**
 * What cannot even be asked for, each with the reason. What may be the next time is asked for again first, as
 * long as a try would have taken its time.
 */
export async function askAgain(
  deps: AskingDeps,
  { name, retries }: PagedServer,
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly { readonly due: DueProof; readonly problem: Problem }[]> {
  const { catalog, gate, clock, log, zone, audience } = deps;
  const runs = await catalog.runs.list({ server: name, operation: 'verify', limit: RUNS_MAX });
  const failed: { due: DueProof; problem: Problem }[] = [];
  for (const due of dueProofs(runs, retries, clock.now())) {
    const { run, schedule, attempt } = due;
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
      if (isHopeless(error, run, clock.now())) failed.push({ due, problem: error });
      else log.warn('A proof cannot be asked for again yet', { server: name, error });
    }
  }
  return failed;
}

function isHopeless(problem: Problem, { endedAt }: RunRecord, now: Temporal.Instant): boolean {
  if (problem.kind.retry === 'never' || endedAt === null) return true;
  return now.since(Temporal.Instant.from(endedAt)).total('minutes') >= 2 * AGAIN_AFTER_MINUTES;
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
