/**
 * `update`: writes to the stakeholders from a template. What is not said is drafted from the incident; the
 * plan holds the words as they will be read, so that `--plan` is the preview.
 */
import { z } from 'zod';

import type { Explanation, Operation, Run } from '../gate/operation.ts';
import type { IncidentView } from '../incidents/describe.ts';
import type { Incidents } from '../incidents/incidents.ts';
import type { Clock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import { Problem } from '../kernel/problem.ts';
import {
  type ComposedUpdate,
  composeUpdate,
  draftUpdate,
  nextDueAt,
  nextTemplate,
  TEMPLATES,
  updateText,
} from './compose.ts';
import { UPDATE_NO_CHANNEL, UPDATE_WORDS } from './problems.ts';

const MINUTES_MAX = 24 * 60;
const WORDS_MAX = 1000;
const words = z.string().min(1).max(WORDS_MAX);

const UpdateInput = z.strictObject({
  template: z
    .enum([...TEMPLATES, 'first-notice'])
    .optional()
    .describe('Which kind of update'),
  incident: z.string().optional().describe('About which incident; default: the one that is open'),
  audience: z.enum(['stakeholders', 'ops']).default('stakeholders').describe('Who reads it'),
  what: words.optional().describe('What, and since when'),
  impact: words.optional().describe('What it means for them'),
  doing: words.optional().describe('What we do'),
  next: z
    .number()
    .int()
    .min(0)
    .max(MINUTES_MAX)
    .optional()
    .describe('Minutes until they hear from us again; 0: this is the last one'),
});
type UpdateInput = z.infer<typeof UpdateInput>;

const UpdatePlan = z.strictObject({
  server: z.string(),
  incidentId: z.string(),
  template: z.enum(TEMPLATES),
  audience: z.enum(['stakeholders', 'ops']),
  author: z.string(),
  what: z.string(),
  impact: z.string(),
  doing: z.string(),
  nextInMinutes: z.number().int(),
});
type UpdatePlan = z.infer<typeof UpdatePlan>;

const UpdateResult = z.strictObject({
  incidentId: z.string(),
  text: z.string(),
  posted: z.strictObject({ channel: z.string(), ts: z.string(), at: z.string() }),
  nextUpdateBy: z.string().nullable(),
});
type UpdateResult = z.infer<typeof UpdateResult>;

/** Puts an update where its readers are: `slack/` does. */
export interface Publisher {
  publish(
    audience: UpdatePlan['audience'],
    update: ComposedUpdate,
    options: { readonly signal: AbortSignal },
  ): Promise<{
    readonly channel: string;
    readonly ts: string;
    readonly postedAt: Temporal.Instant;
  }>;
}

export interface UpdateOperationDeps {
  readonly incidents: Pick<Incidents, 'require' | 'listOpen' | 'recordUpdate'>;
  /** Undefined: no chat is configured; the text is shown for people to send it themselves. */
  readonly publisher: Publisher | undefined;
  readonly clock: Clock;
}

export type UpdateOperation = Operation<UpdateInput, UpdatePlan, UpdateResult>;

export function updateOperation(deps: UpdateOperationDeps): UpdateOperation {
  return {
    name: 'update',
    summary: 'Tell the stakeholders of an incident, from a template',
    words: {
      positional: ['template'],
      describe: {},
      examples: [
        'update first-notice',
        'update progress --incident inc-1122-shop --doing "The table is being restored"',
        'update resolution --what "Addresses are back" --impact "Labels print again"',
      ],
    },
    input: UpdateInput,
    plan: UpdatePlan,
    result: UpdateResult,
    prepare: async (input, { actor }) => ({ plan: await prepare(deps, input, actor.name) }),
    danger: () => 'low',
    locks: ({ incidentId }) => [`update:${incidentId}`],
    explain,
    recheck: () => Promise.resolve(),
    run: async (plan, run) => publish(deps, plan, run),
  };
}

async function prepare(
  { incidents }: UpdateOperationDeps,
  input: UpdateInput,
  author: string,
): Promise<UpdatePlan> {
  const subject = await chooseIncident(incidents, input.incident);
  const asked = input.template === 'first-notice' ? 'first notice' : input.template;
  const template = asked ?? nextTemplate(subject);
  const draft = draftUpdate(subject, template);
  return {
    server: subject.server,
    incidentId: subject.id,
    template,
    audience: input.audience,
    author,
    what: input.what ?? draft.what,
    impact: input.impact ?? draft.impact,
    doing: input.doing ?? draft.doing,
    nextInMinutes: input.next ?? draft.nextInMinutes,
  };
}

/** @throws Problem INCIDENT_UNKNOWN, UPDATE_WORDS_WRONG when it is not clear which is meant. */
async function chooseIncident(
  incidents: UpdateOperationDeps['incidents'],
  said: string | undefined,
): Promise<IncidentView> {
  if (said !== undefined) return incidents.require(said);
  const open = await incidents.listOpen();
  const [only, ...others] = open;
  if (only !== undefined && others.length === 0) return only;
  if (only === undefined)
    throw new Problem(UPDATE_WORDS, 'Cannot write an update: no incident is open', {
      hint: 'Open one with `incident open`, or name a closed one with `--incident`.',
    });
  const ids = open.map(({ id }) => id).join(', ');
  throw new Problem(UPDATE_WORDS, `Cannot write an update: several incidents are open (${ids})`, {
    hint: 'Say which with `--incident`.',
  });
}

function explain(plan: UpdatePlan): Explanation {
  const next = plan.nextInMinutes === 0 ? 'none' : `in ${plan.nextInMinutes} minutes`;
  const title = `Write to the ${plan.audience} about ${plan.incidentId} (${plan.template})`;
  return {
    title,
    facts: [
      ['What', plan.what],
      ['Impact', plan.impact],
      ['What we do', plan.doing],
      ['Next update', next],
    ],
    warnings: [],
    approveLabel: `Post update of ${plan.server}`,
    command: [
      `npx dbdr update ${plan.template.replace(' ', '-')} --incident ${plan.incidentId}`,
      `--what ${JSON.stringify(plan.what)} --impact ${JSON.stringify(plan.impact)}`,
      `--doing ${JSON.stringify(plan.doing)} --next ${plan.nextInMinutes}`,
    ].join(' '),
  };
}

async function publish(
  { incidents, publisher, clock }: UpdateOperationDeps,
  plan: UpdatePlan,
  { actor, signal }: Run,
): Promise<UpdateResult> {
  const { incidentId, template, audience, author } = plan;
  const subject = await incidents.require(incidentId);
  const now = clock.now();
  const update = composeUpdate({ subject, template, fields: plan, author, now });
  const text = updateText(update);
  if (publisher === undefined)
    throw new Problem(UPDATE_NO_CHANNEL, `Cannot post the update: no chat is configured:\n${text}`);
  const { channel, ts, postedAt } = await publisher.publish(audience, update, { signal });
  const due = nextDueAt(plan, postedAt);
  const told = { text, channel, ts, at: postedAt, nextDueAt: due };
  await incidents.recordUpdate({ incidentId, actor, signal, told });
  return {
    incidentId,
    text,
    posted: { channel, ts, at: utcText(postedAt) },
    nextUpdateBy: due === null ? null : utcText(due),
  };
}
