/** Reads one run as its message needs it: the row, its plan in words, its steps, and its follow-ups. */
import type { RunRecord } from '../catalog/runs.ts';
import type { Gate } from '../gate/gate.ts';
import type { RunId } from '../kernel/ids.ts';
import type { SlackDeps } from './deps.ts';
import { type RunView, readPaged, readSteps } from './run-view.ts';

/** A follow-up of a follow-up is as deep as it gets. */
const DEPTH_MAX = 5;
/** Runs looked through for follow-ups: they are asked for together with their parent. */
const NEIGHBOURS_MAX = 200;

type Needed = Pick<SlackDeps, 'catalog'> & { readonly gate: Pick<Gate, 'explain'> };

export interface SeenRun {
  readonly view: RunView;
  /** The newest event of the run and its follow-ups: grows with each change. */
  readonly newestSeq: number;
}

/** The run whose message speaks of `runId`: itself, or the one it comes after. */
export async function findRoot(
  { catalog }: Pick<Needed, 'catalog'>,
  runId: RunId,
): Promise<RunRecord | undefined> {
  let run = await catalog.runs.find(runId);
  for (let depth = 0; depth < DEPTH_MAX; depth += 1) {
    if (run === undefined || run.after === null) return run;
    run = (await catalog.runs.find(run.after)) ?? run;
  }
  return run;
}

export async function seeRun(deps: Needed, run: RunRecord, depth = 0): Promise<SeenRun> {
  const events = await deps.catalog.runs.eventsOf(run.runId);
  const children = depth < DEPTH_MAX ? await followUpsOf(deps, run) : [];
  const seen = await Promise.all(children.map(async (child) => seeRun(deps, child, depth + 1)));
  return {
    newestSeq: Math.max(
      0,
      ...events.map(({ seq }) => seq),
      ...seen.map(({ newestSeq }) => newestSeq),
    ),
    view: {
      run,
      explanation: deps.gate.explain(run),
      steps: readSteps(events),
      paged: readPaged(events),
      followUps: seen.map(({ view }) => view),
    },
  };
}

async function followUpsOf({ catalog }: Needed, run: RunRecord): Promise<readonly RunRecord[]> {
  const near = await catalog.runs.list({
    ...(run.server === null ? {} : { server: run.server }),
    limit: NEIGHBOURS_MAX,
  });
  return near.filter(({ after }) => after === run.runId).toReversed();
}
