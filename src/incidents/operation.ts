/**
 * `incident`: the walk at a terminal, and for whoever types it in Slack. Looking at incidents costs
 * nothing; everything else is a run of danger low, so that it stands in the journal.
 */
import { z } from 'zod';

import type { Operation, Run } from '../gate/operation.ts';
import type { Actor } from '../gate/people.ts';
import type { Clock } from '../kernel/clock.ts';
import type { IncidentView } from './describe.ts';
import { explainIncident } from './explain.ts';
import type { Incidents, Learned } from './incidents.ts';
import { IncidentInput, IncidentPlan, planIncident } from './plan.ts';

const StepResult = z.strictObject({
  number: z.number(),
  id: z.string(),
  title: z.string(),
  state: z.string(),
  by: z.string(),
  estimateSeconds: z.number(),
  prose: z.string(),
  command: z.string().nullable(),
  verification: z.string().nullable(),
  note: z.string().nullable(),
});

const IncidentResult = z.strictObject({
  /** One sentence: what was done. */
  said: z.string(),
  incidents: z.array(
    z.strictObject({
      incidentId: z.string(),
      title: z.string(),
      server: z.string(),
      openedAt: z.string(),
      closedAt: z.string().nullable(),
      openMinutes: z.number(),
      lead: z.string(),
      runbook: z.string(),
      facts: z.array(z.tuple([z.string(), z.string()])),
      nextStep: z.number().nullable(),
      steps: z.array(StepResult),
      timeline: z.array(z.strictObject({ at: z.string(), text: z.string() })),
    }),
  ),
});
type IncidentResult = z.infer<typeof IncidentResult>;

export interface IncidentOperationDeps {
  readonly incidents: Incidents;
  readonly servers: readonly string[];
  readonly clock: Clock;
  /** Where runs of its steps are spoken of: `slack:C0OPS`. */
  readonly audience: string;
}

export type IncidentOperation = Operation<IncidentInput, IncidentPlan, IncidentResult>;

export function incidentOperation(deps: IncidentOperationDeps): IncidentOperation {
  return {
    name: 'incident',
    summary: 'Open a bad day, and be led through its runbook step by step',
    words: {
      positional: ['action', 'subject'],
      describe: {},
      examples: [
        'incident open shop --what gone --when 14:40 --tables orders',
        'incident open shop --what "damaged backup"',
        'incident show inc-1122-shop',
        'incident do inc-1122-shop --step 2',
        'incident note inc-1122-shop --when 14:38',
        'incident hand-over inc-1122-shop --to ben',
        'incident close inc-1122-shop',
      ],
    },
    input: IncidentInput,
    plan: IncidentPlan,
    result: IncidentResult,
    prepare: (input, { actor }) => Promise.resolve({ plan: planFrom(deps, input, actor) }),
    danger: ({ action }) => (action === 'list' || action === 'show' ? 'none' : 'low'),
    locks: () => [],
    explain: explainIncident,
    // The walk itself tells whoever comes too late that there is nothing to do any more.
    recheck: () => Promise.resolve(),
    async run(plan, run) {
      return perform(deps, plan, run);
    },
  };
}

function planFrom(
  { servers, clock }: IncidentOperationDeps,
  input: IncidentInput,
  { zone }: Actor,
): IncidentPlan {
  return planIncident(input, { servers, zone, now: clock.now() });
}

async function perform(
  deps: IncidentOperationDeps,
  plan: IncidentPlan,
  run: Run,
): Promise<IncidentResult> {
  const { incidents } = deps;
  if (plan.action === 'list') {
    const open = await incidents.listOpen();
    const shown = await Promise.all(open.map((view) => viewJson(incidents, view)));
    return { said: open.length === 0 ? 'No incident is open.' : '', incidents: shown };
  }
  if (plan.action === 'open') {
    const view = await openFrom(deps, plan, run);
    const said = `Incident ${view.id} is open; follow runbooks/${view.runbook}.`;
    return { said, incidents: [await viewJson(incidents, view)] };
  }
  const id = plan.incidentId ?? '';
  const said = await change(deps, plan, run);
  const view = await incidents.require(id);
  return { said, incidents: [await viewJson(incidents, view)] };
}

async function openFrom(
  { incidents, audience }: IncidentOperationDeps,
  plan: IncidentPlan,
  { actor, signal }: Run,
): Promise<IncidentView> {
  return incidents.open({
    server: plan.server ?? '',
    scenario: plan.scenario ?? '',
    at: plan.at === null ? undefined : Temporal.Instant.from(plan.at),
    tables: plan.tables ?? [],
    note: plan.note ?? undefined,
    actor,
    audience,
    signal,
  });
}

async function change(
  deps: IncidentOperationDeps,
  plan: IncidentPlan,
  { actor, signal }: Run,
): Promise<string> {
  const { incidents, audience } = deps;
  const { action } = plan;
  const request = { incidentId: requireId(plan), actor, signal };
  switch (action) {
    case 'do':
    case 'tick':
    case 'skip':
      return incidents.step({ ...request, stepId: plan.step ?? '', action, audience });
    case 'note':
      return incidents.learn({ ...request, learned: learnedFrom(plan) });
    case 'hand-over':
      return incidents.handOver({ ...request, to: plan.to });
    case 'close':
      return incidents.close(request);
    // These change nothing that stands already.
    case 'show':
    case 'list':
    case 'open':
      return '';
    default:
      throw new TypeError(`Unreachable action: ${JSON.stringify(action satisfies never)}`);
  }
}

/** `planIncident()` lets nothing through without one. */
function requireId({ incidentId }: IncidentPlan): string {
  return incidentId ?? '';
}

function learnedFrom({ at, tables, note }: IncidentPlan): Learned {
  return {
    at: at === null ? undefined : Temporal.Instant.from(at),
    tables: tables ?? undefined,
    note: note ?? undefined,
  };
}

async function viewJson(
  incidents: Incidents,
  view: IncidentView,
): Promise<IncidentResult['incidents'][number]> {
  const events = await incidents.events(view.id);
  return {
    incidentId: view.id,
    title: view.title,
    server: view.server,
    openedAt: view.openedAt,
    closedAt: view.closedAt,
    openMinutes: view.openMinutes,
    lead: view.lead.name,
    runbook: view.runbook,
    facts: view.facts.map(([label, value]) => [label, value]),
    nextStep: view.steps.find(({ id }) => id === view.nextStepId)?.number ?? null,
    steps: view.steps.map((step) => ({
      number: step.number,
      id: step.id,
      title: step.title,
      state: step.state,
      by: step.by,
      estimateSeconds: step.estimateSeconds,
      prose: step.prose,
      command: step.command ?? null,
      verification: step.verification ?? null,
      note: step.note ?? null,
    })),
    timeline: events.map(({ at, text }) => ({ at, text })),
  };
}
