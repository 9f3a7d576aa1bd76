/**
 * An incident as messages and terminals show it: plain data, made from its record. Pure. Each step comes
 * with the exact command and the query that shows that it worked, filled with what is known by now.
 */
import type { IncidentRecord } from '../catalog/records.ts';
import { utcText } from '../kernel/codecs.ts';
import { formatUtc } from '../kernel/moment.ts';
import { type FilledStep, fillStep, type KnownInputs } from '../runbooks/fill.ts';
import { type FailedProof, WalkState, type WalkStep, type Who } from './walk.ts';

export interface IncidentStepView {
  readonly id: string;
  /** Counted from one. */
  readonly number: number;
  readonly title: string;
  readonly prose: string;
  readonly estimateSeconds: number;
  readonly command?: string;
  readonly verification?: string;
  readonly by: 'operation' | 'hands';
  readonly state: 'open' | 'running' | 'done' | 'skipped';
  /** Who and when, or what stopped it. */
  readonly note?: string;
  readonly runIds: readonly string[];
}

export interface IncidentView {
  readonly id: string;
  readonly version: number;
  readonly title: string;
  readonly server: string;
  readonly scenario: string;
  readonly openedAt: string;
  readonly closedAt: string | null;
  readonly openMinutes: number;
  readonly lead: { readonly kind: string; readonly id: string; readonly name: string };
  /** Label and value: roughly when, which tables, what was said. */
  readonly facts: readonly (readonly [label: string, value: string])[];
  readonly runbook: string;
  readonly steps: readonly IncidentStepView[];
  /** The step that is due; null: all are over. */
  readonly nextStepId: string | null;
  readonly updates: {
    readonly count: number;
    readonly lastAt?: string;
    readonly nextDueAt?: string;
  };
}

export function describeIncident(record: IncidentRecord, now: Temporal.Instant): IncidentView {
  const state = WalkState.parse(record.state);
  const end = record.closedAt === null ? now : Temporal.Instant.from(record.closedAt);
  const openMs = end.epochMilliseconds - Temporal.Instant.from(record.openedAt).epochMilliseconds;
  const steps = state.steps.map((step, index) => stepView(record, state, { step, index }));
  const { count, lastAt, nextDueAt } = state.updates;
  return {
    id: record.id,
    version: record.version,
    title: state.title,
    server: record.server,
    scenario: record.scenario,
    openedAt: record.openedAt,
    closedAt: record.closedAt,
    openMinutes: Math.floor(Math.max(0, openMs) / 60_000),
    lead: whoOf(state.lead),
    facts: factsOf(state),
    runbook: record.runbook,
    steps,
    nextStepId: steps.find((step) => step.state === 'open' || step.state === 'running')?.id ?? null,
    updates: {
      count,
      ...(lastAt === null ? {} : { lastAt }),
      ...(nextDueAt === null ? {} : { nextDueAt }),
    },
  };
}

/** What is known, for the placeholders of the page. */
function knownInputs(record: IncidentRecord, state: WalkState): KnownInputs {
  const { moment, tables, steps, proof } = state;
  const restored = steps.findLast(
    ({ page, runIds }) => page.block?.operation === 'restore' && runIds.length > 0,
  );
  const run = restored?.runIds[0];
  return {
    incident: record.id,
    server: record.server,
    moment: moment ?? undefined,
    tables,
    table: tables[0],
    run,
    proof: proof?.runId,
    backup: proof?.backupId,
    store: proof?.store,
    // The follow-up makes the schema, and names it after the restore that it continues.
    schema:
      run === undefined ? undefined : `dbdr_restored_${run.toLowerCase().replaceAll('-', '_')}`,
  };
}

export function fillWalkStep(record: IncidentRecord, state: WalkState, step: WalkStep): FilledStep {
  return fillStep(step.page, state.inputs, knownInputs(record, state));
}

function stepView(
  record: IncidentRecord,
  state: WalkState,
  { step, index }: { readonly step: WalkStep; readonly index: number },
): IncidentStepView {
  const filled = fillWalkStep(record, state, step);
  const note = noteOf(step, filled);
  return {
    id: filled.id,
    number: index + 1,
    title: filled.title,
    prose: filled.prose,
    estimateSeconds: filled.estimateSeconds,
    ...(filled.command === null ? {} : { command: filled.command }),
    ...(filled.verifySql === null ? {} : { verification: filled.verifySql }),
    by: filled.operation === null ? 'hands' : 'operation',
    state: SHOWN[step.state],
    ...(note === undefined ? {} : { note }),
    runIds: step.runIds,
  };
}

const SHOWN = {
  waiting: 'open',
  asked: 'running',
  done: 'done',
  ticked: 'done',
  skipped: 'skipped',
} as const satisfies Record<WalkStep['state'], IncidentStepView['state']>;

function noteOf(step: WalkStep, filled: FilledStep): string | undefined {
  if (step.state === 'waiting') {
    if (step.note !== null) return step.note;
    if (filled.missing.length > 0) return `not known yet: ${filled.missing.join(', ')}`;
    return undefined;
  }
  if (step.by === null || step.at === null) return undefined;
  const when = formatUtc(Temporal.Instant.from(step.at).round('second'));
  const run = step.runIds[0] === undefined ? '' : `, ${step.runIds[0]}`;
  return `${step.by.name}, ${when}${run}`;
}

function factsOf(state: WalkState): readonly (readonly [string, string])[] {
  const said = state.note === null ? [] : ([['Said', state.note]] as const);
  return [...(state.proof === null ? damageFacts(state) : proofFacts(state.proof)), ...said];
}

function proofFacts({
  backupId,
  store,
  runId,
}: FailedProof): readonly (readonly [string, string])[] {
  return [
    ['Damaged', `backup ${backupId} in "${store}"`],
    ['Proved by', runId],
  ];
}

function damageFacts(state: WalkState): readonly (readonly [string, string])[] {
  const moment =
    state.moment === null
      ? 'not known yet'
      : formatUtc(Temporal.Instant.from(state.moment).round('second'));
  return [
    ['All was well at', moment],
    ['Tables', state.tables.length === 0 ? 'not known yet' : state.tables.join(', ')],
  ];
}

function whoOf({ kind, id, name }: Who): IncidentView['lead'] {
  return { kind, id, name };
}

/** A moment as commands carry it. */
export function momentText(at: Temporal.Instant): string {
  return utcText(at).replace(/\.000000Z$/, 'Z');
}
