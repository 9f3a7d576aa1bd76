/** What happened, in order, with measured seconds: for the post-mortem and the end of a demo. Pure. */
import { z } from 'zod';

import type { IncidentEvent } from '../catalog/records.ts';
import type { RunEvent, RunRecord } from '../catalog/runs.ts';
import { formatSeconds } from '../kernel/moment.ts';

export interface TimelineEntry {
  readonly at: string;
  /** Since the first entry. */
  readonly afterSeconds: number;
  readonly text: string;
  /** How long it took, where that was measured. */
  readonly seconds?: number;
}

export interface RunHistory {
  readonly run: RunRecord;
  readonly events: readonly RunEvent[];
}

const StepEnded = z.looseObject({
  title: z.string(),
  seconds: z.number().optional().catch(undefined),
  outcome: z.string().optional().catch(undefined),
});

const Decider = z.looseObject({
  actor: z.looseObject({ name: z.string() }),
  decision: z.string(),
  at: z.string(),
});

/** Sentences for what is neither a step nor a decision. */
const WORDS: Partial<Record<RunEvent['kind'], string>> = {
  started: 'started',
  done: 'done',
  failed: 'failed',
  expired: 'expired before somebody approved it',
  cancelled: 'cancelled',
  interrupted: 'interrupted: the process that performed it died',
};

export function incidentTimeline(
  events: readonly IncidentEvent[],
  runs: readonly RunHistory[],
): readonly TimelineEntry[] {
  const entries = [
    ...events.map(({ at, text }) => ({ at, text })),
    ...runs.flatMap(runEntries),
  ].toSorted((a, b) => compareText(a.at, b.at));
  const first = entries[0]?.at;
  return entries.map((entry) => ({
    ...entry,
    afterSeconds: first === undefined ? 0 : secondsBetween(first, entry.at),
  }));
}

/** One line each: `14:57:40  +3 min 12 s  restore r-…: Read 18 GB from here, 9.2 s`. */
export function timelineText(entries: readonly TimelineEntry[]): string {
  return entries
    .map(({ at, afterSeconds, text, seconds }) => {
      const took = seconds === undefined ? '' : `, ${formatSeconds(seconds)}`;
      return `${at.slice(11, 19)}  ${`+${formatSeconds(afterSeconds)}`.padStart(13)}  ${text}${took}`;
    })
    .join('\n');
}

type Entry = Omit<TimelineEntry, 'afterSeconds'>;

function runEntries({ run, events }: RunHistory): readonly Entry[] {
  const name = `${run.operation} ${run.runId}`;
  const deciders = z.array(Decider).catch([]).parse(run.deciders);
  return [
    ...events.flatMap((event) => eventEntries(name, event)),
    ...deciders.map(({ actor, decision, at }) => ({
      at,
      text: `${name}: ${actor.name} decided: ${decision}`,
    })),
  ];
}

function eventEntries(name: string, event: RunEvent): readonly Entry[] {
  if (event.kind === 'step ended') {
    const data = StepEnded.safeParse(event.data);
    if (!data.success) return [];
    const { title, seconds, outcome } = data.data;
    const bad = outcome === undefined || outcome === 'done' ? '' : ` (${outcome})`;
    const text = `${name}: ${title}${bad}`;
    return [{ at: event.at, text, ...(seconds === undefined ? {} : { seconds }) }];
  }
  const words = WORDS[event.kind];
  return words === undefined ? [] : [{ at: event.at, text: `${name}: ${words}` }];
}

/** RFC 3339 in UTC with six digits sorts as text. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function secondsBetween(from: string, to: string): number {
  const ms = Temporal.Instant.from(to).since(Temporal.Instant.from(from)).total('milliseconds');
  return ms / 1000;
}
