/** What a running operation may use, made of the catalogue: steps, progress, claims. */
import type { RunRecord } from '../catalog/runs.ts';
import { type Json, utcText } from '../kernel/codecs.ts';
import type { Log } from '../kernel/log.ts';
import { readActor } from './actors.ts';
import type { GateDeps } from './deps.ts';
import type { Run, Step } from './operation.ts';
import { plainJson } from './plain-json.ts';

/** Progress is shown to people: nobody reads faster. */
const PROGRESS_EVERY_MS = 1000;

export interface Performing {
  readonly run: RunRecord;
  readonly signal: AbortSignal;
  readonly log: Log;
}

export function runContext(deps: GateDeps, performing: Performing): Run {
  const { run, signal, log } = performing;
  const { runs, resources } = deps.catalog;

  async function step<T>(title: string, work: (step: Step) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    await add(deps, run, 'step began', { title });
    const beganMs = deps.clock.elapsedMs();
    const reporter = progressReporter(deps, performing, title);
    let outcome = 'failed';
    try {
      const answer = await work({ signal, progress: reporter.report });
      outcome = 'done';
      return answer;
    } finally {
      await reporter.written();
      if (outcome === 'failed' && signal.aborted) outcome = 'stopped';
      const seconds = Math.round(deps.clock.elapsedMs() - beganMs) / 1000;
      await add(deps, run, 'step ended', { title, seconds, outcome });
    }
  }

  return {
    id: run.runId,
    actor: readActor(run.asker),
    signal,
    log,
    step,
    claim: ({ kind, reference }) =>
      resources.claim({
        runId: run.runId,
        kind,
        reference,
        claimedAt: utcText(deps.clock.now()),
      }),
    release: (claimId) => resources.release(claimId),
  };

  function add(
    { clock }: GateDeps,
    { runId }: RunRecord,
    kind: 'step began' | 'step ended',
    data: Json,
  ): Promise<void> {
    return runs.addEvent({ runId, at: utcText(clock.now()), kind, data });
  }
}

interface Reporter {
  readonly report: Step['progress'];
  /** Resolves when what was reported has been kept. */
  written(): Promise<void>;
}

function progressReporter(deps: GateDeps, performing: Performing, title: string): Reporter {
  const { run, log } = performing;
  let lastMs = Number.NEGATIVE_INFINITY;
  let writing: Promise<void> = Promise.resolve();
  return {
    report(progress) {
      const nowMs = deps.clock.elapsedMs();
      if (nowMs - lastMs < PROGRESS_EVERY_MS) return;
      lastMs = nowMs;
      const event = {
        runId: run.runId,
        at: utcText(deps.clock.now()),
        kind: 'progress' as const,
        data: plainJson({ title, ...progress }),
      };
      writing = writing
        .then(() => deps.catalog.runs.addEvent(event))
        // Progress is only shown; a run does not fail because of it.
        .catch((error: unknown) => log.warn('Cannot keep progress', { error }));
    },
    written: () => writing,
  };
}
