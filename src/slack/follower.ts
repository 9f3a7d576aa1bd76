/**
 * The service that tells Slack what happens. It reads events from a cursor of its own that moves only
 * past what Slack has, so that it catches up after any outage. While a run proceeds its message is
 * edited at most every three seconds; a decision or an end is shown at once; the last state always.
 */
import type { RunEvent, RunRecord } from '../catalog/runs.ts';
import type { Gate } from '../gate/gate.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Service, ServiceContext } from '../kernel/service.ts';
import type { IncidentEventView, SlackDeps } from './deps.ts';
import type { IncidentMessages } from './incident-messages.ts';
import type { RunMessages } from './run-messages.ts';

const RUNS_CURSOR = 'slack:follower';
const INCIDENTS_CURSOR = 'slack:follower:incidents';

/** Slack docs, rate limits: about fifty edits a minute for all messages together. */
const PACE_MS = 3000;
/** After Slack failed: it waits out Retry-After by itself, this is for outages. */
const AGAIN_MS = 5000;
const BATCH = 200;
/** Runs whose last edit is remembered; forgetting it costs one edit too soon. */
const REMEMBERED_MAX = 500;
const INCIDENTS_EVERY_MS = 1000;
/** How old an open incident is, and whether its next update is late, is said anew this often. */
const INCIDENT_AGE_EVERY_MS = 60_000;

const CALM = new Set(['step began', 'step ended', 'progress']);

interface Pending {
  readonly root: RunRecord;
  readonly firstSeq: number;
  readonly dueMs: number;
  readonly events: readonly RunEvent[];
}

export type FollowerDeps = Pick<SlackDeps, 'clock' | 'log'> & {
  readonly gate: Pick<Gate, 'eventsAfter' | 'waitForEvents'>;
  readonly catalog: Pick<SlackDeps['catalog'], 'cursors'>;
  readonly incidents: Pick<SlackDeps['incidents'], 'eventsAfter' | 'listOpen'>;
  readonly runs: RunMessages;
  readonly incidentBoard: IncidentMessages;
};

export function slackFollower(deps: FollowerDeps): Service {
  return {
    name: 'slack:follower',
    lease: 'slack:follower',
    async run(context) {
      await Promise.all([followRuns(deps, context), followIncidents(deps, context)]);
    },
  };
}

async function followRuns(deps: FollowerDeps, { signal, ready }: ServiceContext): Promise<void> {
  const { gate, catalog, clock } = deps;
  const pending = new Map<string, Pending>();
  const shownMs = new Map<string, number>();
  let read = await catalog.cursors.get(RUNS_CURSOR);
  let saved = read;
  while (!signal.aborted) {
    const events = await gate.eventsAfter(read, BATCH);
    for (const event of events) await take(deps, pending, shownMs, event);
    read = events.at(-1)?.seq ?? read;
    if (events.length === BATCH) continue;
    if (await flush(deps, pending, shownMs)) ready();
    const safe = Math.min(read, ...[...pending.values()].map(({ firstSeq }) => firstSeq - 1));
    if (safe !== saved) await catalog.cursors.set(RUNS_CURSOR, safe);
    saved = safe;
    const due = Math.min(...[...pending.values()].map(({ dueMs }) => dueMs));
    const waitMs = Number.isFinite(due) ? Math.max(0, due - clock.elapsedMs()) : undefined;
    await eventsOrTime(deps, { cursor: read, waitMs, signal });
  }
}

/** Notes whose message must change because of `event`, and how soon. */
async function take(
  { runs, clock }: FollowerDeps,
  pending: Map<string, Pending>,
  shownMs: ReadonlyMap<string, number>,
  event: RunEvent,
): Promise<void> {
  const root = await runs.rootOf(event.runId);
  if (root === undefined) return;
  const before = pending.get(root.runId);
  const now = clock.elapsedMs();
  const paced = Math.max(now, (shownMs.get(root.runId) ?? Number.NEGATIVE_INFINITY) + PACE_MS);
  const wishMs = CALM.has(event.kind) ? paced : now;
  const isNews = !CALM.has(event.kind);
  pending.set(root.runId, {
    root,
    firstSeq: before?.firstSeq ?? event.seq,
    dueMs: Math.min(before?.dueMs ?? wishMs, wishMs),
    events: [...(before?.events ?? []), ...(isNews ? [event] : [])],
  });
}

/** Shows what is due. False: Slack did not take something. */
async function flush(
  deps: FollowerDeps,
  pending: Map<string, Pending>,
  shownMs: Map<string, number>,
): Promise<boolean> {
  const { runs, clock, log } = deps;
  let isFine = true;
  for (const [id, item] of pending) {
    if (item.dueMs > clock.elapsedMs()) continue;
    try {
      await runs.show(item.root);
      for (const event of item.events) await runs.tell(item.root, event);
      pending.delete(id);
      if (shownMs.size >= REMEMBERED_MAX) shownMs.clear();
      shownMs.set(id, clock.elapsedMs());
    } catch (error) {
      isFine = false;
      if (isHopeless(error)) pending.delete(id);
      else pending.set(id, { ...item, dueMs: clock.elapsedMs() + AGAIN_MS });
      log.warn('Slack did not take a message', { run_id: id, error: words(error) });
    }
  }
  return isFine;
}

/** Slack said no to this very message: asking again for ever would only hide the others. */
function isHopeless(error: unknown): boolean {
  return isProblem(error) && error.kind.retry === 'never';
}

async function eventsOrTime(
  { gate, clock }: FollowerDeps,
  wait: {
    readonly cursor: number;
    readonly waitMs: number | undefined;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const loser = new AbortController();
  const signal = AbortSignal.any([wait.signal, loser.signal]);
  const waits = [gate.waitForEvents(wait.cursor, { signal })];
  if (wait.waitMs !== undefined) waits.push(clock.sleep(wait.waitMs, { signal }));
  await Promise.race(waits)
    .catch((error: unknown) => {
      if (!wait.signal.aborted) throw error;
    })
    .finally(() => loser.abort());
}

async function followIncidents(deps: FollowerDeps, { signal }: ServiceContext): Promise<void> {
  const { catalog, incidents, clock } = deps;
  let cursor = await catalog.cursors.get(INCIDENTS_CURSOR);
  let agedMs = clock.elapsedMs();
  while (!signal.aborted) {
    if (clock.elapsedMs() - agedMs >= INCIDENT_AGE_EVERY_MS) {
      agedMs = clock.elapsedMs();
      await showAges(deps);
    }
    const events = await incidents.eventsAfter(cursor, BATCH);
    const taken = await showIncidents(deps, events);
    if (taken > cursor) await catalog.cursors.set(INCIDENTS_CURSOR, taken);
    cursor = Math.max(cursor, taken);
    const isBehind = events.length > 0 && cursor < (events.at(-1)?.seq ?? 0);
    if (events.length === BATCH && !isBehind) continue;
    await clock
      .sleep(isBehind ? AGAIN_MS : INCIDENTS_EVERY_MS, { signal })
      .catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
  }
}

async function showAges({ incidents, incidentBoard, log }: FollowerDeps): Promise<void> {
  try {
    for (const { id } of await incidents.listOpen()) await incidentBoard.show(id);
  } catch (error) {
    log.warn('Slack did not take an incident', { error: words(error) });
  }
}

/** Answers the last event that Slack has; events after it are tried again. */
async function showIncidents(
  { incidentBoard, log }: FollowerDeps,
  events: readonly IncidentEventView[],
): Promise<number> {
  let taken = 0;
  try {
    for (const id of new Set(events.map(({ incidentId }) => incidentId)))
      await incidentBoard.show(id);
    for (const event of events) {
      await incidentBoard.tell(event);
      taken = event.seq;
    }
  } catch (error) {
    log.warn('Slack did not take an incident', { error: words(error) });
    if (isHopeless(error)) return events.at(-1)?.seq ?? taken;
  }
  return taken;
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
