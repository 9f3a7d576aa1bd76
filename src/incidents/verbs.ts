/**
 * Everything that can be done with an incident. Each change is one guarded row: of two people who do the
 * same at once one moves the walk, and the other reads what is now. What was said comes after in the
 * incident's events, so that the walk survives a restart in any step.
 */
import type { IncidentEvent, IncidentRecord } from '../catalog/records.ts';
import { isEnded, type RunRecord } from '../catalog/runs.ts';
import type { Actor } from '../gate/people.ts';
import { utcText } from '../kernel/codecs.ts';
import { nearestWord } from '../kernel/nearest.ts';
import { Problem } from '../kernel/problem.ts';
import { describeIncident, fillWalkStep, type IncidentView, momentText } from './describe.ts';
import { endOf } from './ends.ts';
import type {
  ByWhom,
  IncidentDeps,
  IncidentStepRequest,
  Incidents,
  Learned,
  OpenIncident,
  RunEnded,
} from './incidents.ts';
import {
  INCIDENT_BUSY,
  INCIDENT_NOT_ALLOWED,
  INCIDENT_UNKNOWN,
  STEP_NOT_READY,
} from './problems.ts';
import { proofOf } from './proof.ts';
import { missingHint, requirePast, requireServer, requireStep, requireTables } from './requests.ts';
import { DAMAGED_BACKUP, readScenario, runbookFor, SCENARIOS } from './scenarios.ts';
import {
  type FailedProof,
  type WalkAction,
  WalkState,
  type WalkStep,
  type Who,
  walk,
} from './walk.ts';

/** Two people and a follower at once: far more than this never meet. */
const ATTEMPTS_MAX = 10;
const CLOCK_ACTOR = { kind: 'schedule', id: 'dbdr', name: 'dbdr' } as const;

export function createIncidents(deps: IncidentDeps): Incidents {
  const { incidents } = deps.catalog;
  return {
    scenarios: SCENARIOS,
    open: async (request) => openIncident(deps, request),
    async view(id) {
      const record = await incidents.find(id);
      return record === undefined ? undefined : describeIncident(record, deps.clock.now());
    },
    require: async (id) => describeIncident(await requireIncident(deps, id), deps.clock.now()),
    async listOpen() {
      const records = await incidents.list({ openOnly: true });
      return records.map((record) => describeIncident(record, deps.clock.now()));
    },
    step: async (request) => doStep(deps, request),
    close: async (request) => moveOrSay(deps, request, { kind: 'closed' }),
    handOver: async (request) =>
      moveOrSay(deps, request, { kind: 'handed over', to: newLead(request) }),
    learn: async (request) => moveOrSay(deps, request, learnedAction(deps, request.learned)),
    async recordUpdate(request) {
      const { at, nextDueAt, ...data } = request.told;
      const action = {
        kind: 'stakeholders told' as const,
        nextDueAt: nextDueAt === null ? null : utcText(nextDueAt),
        at: utcText(at),
      };
      await change(deps, request.incidentId, { actor: request.actor, data }, action);
    },
    runEnded: async (ended) => settleRun(deps, ended),
    events: async (id) => incidents.events(id),
    eventsAfter: async (seq, limit) => incidents.eventsAfter(seq, limit),
  };
}

async function openIncident(deps: IncidentDeps, request: OpenIncident): Promise<IncidentView> {
  await mustBeOperator(deps, request);
  const { server, actor, at, note } = request;
  const now = deps.clock.now();
  requireServer(deps.servers, server);
  requirePast(at, now);
  const tables = requireTables(request.tables);
  const scenario = readScenario(request.scenario);
  const book = deps.runbooks.require(runbookFor(scenario, tables));
  const proof = scenario.id === DAMAGED_BACKUP ? await proofOf(deps, request) : null;
  const lead = { kind: actor.kind, id: actor.id, name: actor.name };
  const state: WalkState = {
    title: `${server}: ${scenario.phrase}`,
    moment: at === undefined ? null : momentText(at),
    tables: [...tables],
    note: note ?? null,
    proof,
    lead,
    inputs: book.inputs,
    steps: book.steps.map(newStep),
    updates: { count: 0, lastAt: null, nextDueAt: null },
    closed: false,
  };
  const isOnce = request.proof !== undefined;
  const row = { server, scenario: scenario.id, runbook: book.file, state, openedAt: utcText(now) };
  const { record, isNew } = await openOnce(deps, row, isOnce ? proof : null);
  if (isNew) {
    const text = `${actor.name} opened the incident: ${state.title}`;
    await tellEvent(deps, { id: record.id, actor: lead, at: utcText(now), text, data: null });
  }
  return describeIncident(record, now);
}

function newStep(page: WalkStep['page']): WalkStep {
  const nobody = { note: null, by: null, at: null };
  return { page, state: 'waiting', attempt: 0, runIds: [], openRunIds: [], ...nobody };
}

interface Opened {
  readonly record: IncidentRecord;
  readonly isNew: boolean;
}

/**
 * The name is made from what there was when nothing about `proof` was open: of two who open at once one
 * takes it, and the other looks again.
 */
async function openOnce(
  { catalog, clock }: IncidentDeps,
  row: Omit<Parameters<IncidentDeps['catalog']['incidents']['open']>[0], 'id'>,
  proof: FailedProof | null,
): Promise<Opened> {
  const now = clock.now();
  for (let attempt = 1; ; attempt += 1) {
    const all = await catalog.incidents.list({ openOnly: false });
    const before = proof === null ? undefined : all.find((one) => isAbout(one, proof));
    if (before !== undefined) return { record: before, isNew: false };
    const id = freeId(all, row.server, now);
    try {
      return { record: await catalog.incidents.open({ ...row, id }), isNew: true };
    } catch (error) {
      const isTaken = (await catalog.incidents.find(id)) !== undefined;
      if (!isTaken || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

function isAbout({ state, closedAt }: IncidentRecord, { runId }: FailedProof): boolean {
  return closedAt === null && WalkState.safeParse(state).data?.proof?.runId === runId;
}

/** `inc-1122-shop`, then `inc-1122-shop-2`. */
function freeId(taken: readonly IncidentRecord[], server: string, now: Temporal.Instant): string {
  const day = utcText(now).slice(5, 10).replace('-', '');
  const base = `inc-${day}-${server}`;
  for (let number = 1; ; number += 1) {
    const id = number === 1 ? base : `${base}-${number}`;
    if (taken.every((record) => record.id !== id)) return id;
  }
}

async function doStep(deps: IncidentDeps, request: IncidentStepRequest): Promise<string> {
  await mustBeOperator(deps, request);
  const record = await requireIncident(deps, request.incidentId);
  const state = WalkState.parse(record.state);
  const { step } = requireStep(state, request.stepId);
  const stepId = step.page.id;
  if (request.action === 'skip') return moveOrSay(deps, request, { kind: 'skipped', stepId });
  if (request.action === 'tick' || step.page.block === null)
    return moveOrSay(deps, request, { kind: 'ticked', stepId });
  const dry = walk(state, { kind: 'answered', stepId, by: CLOCK_ACTOR, at: record.openedAt });
  if (dry.outcome === 'stayed') return dry.why;
  return startOperation(deps, request, { record, state, step });
}

interface Standing {
  readonly record: IncidentRecord;
  readonly state: WalkState;
  readonly step: WalkStep;
}

/** Asked with a key of this attempt: however often it is clicked, or dies in between, it is one run. */
async function startOperation(
  deps: IncidentDeps,
  request: IncidentStepRequest,
  { record, state, step }: Standing,
): Promise<string> {
  const filled = fillWalkStep(record, state, step);
  if (filled.operation === null) throw new TypeError(`Step "${filled.id}" has no operation`);
  if (filled.missing.length > 0)
    throw new Problem(
      STEP_NOT_READY,
      `Cannot start "${filled.title}": not known yet: ${filled.missing.join(', ')}`,
      { hint: missingHint(record.id, filled.missing) },
    );
  const asked = await deps.gate().ask({
    operation: filled.operation,
    input: filled.arguments,
    actor: request.actor,
    signal: request.signal,
    audience: request.audience,
    onceKey: `${record.id}:${filled.id}:${step.attempt + 1}`,
    performer: 'any',
  });
  const stepId = filled.id;
  if (asked.outcome === 'answered') {
    const { result } = asked;
    return moveOrSay(deps, request, { kind: 'answered', stepId }, { result });
  }
  const runs = asked.runs.map(({ run }) => run);
  const runIds = runs.map(({ runId }) => runId);
  const said = await moveOrSay(deps, request, { kind: 'asked', stepId, runIds }, { runIds });
  await settleEnded(deps, runs);
  return said;
}

/** A run may have ended before the walk knew of it; its end was told to nobody then. */
async function settleEnded(deps: IncidentDeps, runs: readonly RunRecord[]): Promise<void> {
  for (const { runId } of runs) {
    const run = await deps.gate().find(runId);
    const end = run === undefined || !isEnded(run.state) ? undefined : endOf(run.state);
    const at = run?.endedAt ?? utcText(deps.clock.now());
    if (end !== undefined) await settleRun(deps, { runId, at, ...end });
  }
}

/** An action before it has its person and moment. */
type Wish = WithoutStamp<WalkAction> & { readonly at?: string };
type WithoutStamp<A> = A extends unknown ? Omit<A, 'by' | 'at'> : never;

async function moveOrSay(
  deps: IncidentDeps,
  request: ByWhom,
  wish: Wish,
  data: IncidentEvent['data'] = null,
): Promise<string> {
  await mustBeOperator(deps, request);
  const { actor } = request;
  return change(deps, request.incidentId, { actor, data }, wish);
}

interface Doing {
  readonly actor: Pick<Actor, 'kind' | 'id' | 'name'>;
  readonly data: IncidentEvent['data'];
}

/** Reads, moves, writes if nobody else has; else reads again. */
async function change(deps: IncidentDeps, id: string, doing: Doing, wish: Wish): Promise<string> {
  const { kind, id: actorId, name } = doing.actor;
  const by = { kind, id: actorId, name };
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const record = await requireIncident(deps, id);
    const at = wish.at ?? utcText(deps.clock.now());
    const walked = walk(WalkState.parse(record.state), { ...wish, by, at });
    if (walked.outcome === 'stayed') return walked.why;
    const closing = walked.state.closed ? { closedAt: at } : {};
    const next = { state: walked.state, ...closing };
    if (!(await deps.catalog.incidents.update(id, record.version, next))) continue;
    await tellEvent(deps, { id, actor: by, at, text: walked.said, data: doing.data });
    return `${walked.said}.`;
  }
  throw new Problem(INCIDENT_BUSY, `Cannot change incident "${id}": others keep changing it`);
}

async function settleRun(deps: IncidentDeps, ended: RunEnded): Promise<void> {
  const { runId, outcome, said, at } = ended;
  for (const record of await deps.catalog.incidents.list({ openOnly: true })) {
    const { steps } = WalkState.parse(record.state);
    if (!steps.some(({ openRunIds }) => openRunIds.includes(runId))) continue;
    const wish = { kind: 'run ended' as const, runId, outcome, said, at };
    await change(deps, record.id, { actor: CLOCK_ACTOR, data: { runId } }, wish);
  }
}

interface Telling {
  readonly id: string;
  readonly actor: { readonly kind: string; readonly id: string; readonly name: string };
  readonly at: string;
  readonly text: string;
  readonly data: IncidentEvent['data'];
}

/** The incident's own thread, and the journal, which nobody can edit. */
async function tellEvent(deps: IncidentDeps, { id, ...event }: Telling): Promise<void> {
  await deps.catalog.incidents.addEvent({ incidentId: id, ...event });
  const { at, actor, text } = event;
  const data = { incidentId: id, text };
  await deps.catalog.journal.append({ at, what: 'incident', actor, runId: null, data });
}

/** A name is all that a terminal knows of somebody; a chat knows the person who takes it. */
function newLead({ actor, to }: ByWhom & { readonly to?: string | null }): Who {
  if (typeof to === 'string') return { kind: 'person', id: to, name: to };
  return { kind: actor.kind, id: actor.id, name: actor.name };
}

function learnedAction(deps: IncidentDeps, { at, tables, note }: Learned): Wish {
  requirePast(at, deps.clock.now());
  return {
    kind: 'learned',
    ...(at === undefined ? {} : { moment: momentText(at) }),
    ...(tables === undefined ? {} : { tables: requireTables(tables) }),
    ...(note === undefined ? {} : { note }),
  };
}

async function requireIncident(deps: IncidentDeps, id: string): Promise<IncidentRecord> {
  const record = await deps.catalog.incidents.find(id);
  if (record !== undefined) return record;
  const open = await deps.catalog.incidents.list({ openOnly: true });
  const near = nearestWord(
    id,
    open.map((one) => one.id),
  );
  throw new Problem(
    INCIDENT_UNKNOWN,
    `Cannot find incident "${id}"`,
    near === undefined ? {} : { hint: `Did you mean \`${near}\`?` },
  );
}

async function mustBeOperator(
  { people }: IncidentDeps,
  { actor, signal }: Pick<ByWhom, 'actor' | 'signal'>,
): Promise<void> {
  const roles = await people.rolesOf(actor, { signal });
  if (roles.includes('operator') || roles.includes('approver')) return;
  throw new Problem(INCIDENT_NOT_ALLOWED, `Cannot do this for ${actor.name}: not an operator`);
}
