/**
 * The living message of a bad day: what and since when, who leads, what is known, the step that is due
 * with its exact command and its verification query, and the stakeholders' clock. Pure.
 */
import type { KnownBlock } from '@slack/types';

import { formatSeconds, formatUtc } from '../../kernel/moment.ts';
import type { IncidentStep, IncidentView } from '../deps.ts';
import {
  actions,
  clip,
  codeSection,
  context,
  divider,
  escapeText,
  factBlocks,
  type Message,
  message,
  section,
  sections,
} from './blocks.ts';
import { sayWho } from './people.ts';
import { readersOwn, readInstant, sayTime, secondsBetween } from './when.ts';

export const STEP_DO = 'incident_step_do';
export const STEP_SKIP = 'incident_step_skip';
export const OPEN_UPDATE = 'incident_update';
export const CLOSE_INCIDENT = 'incident_close';

const PROSE_MAX = 1200;
const SIGNS = { open: '·', running: '▸', done: '✓', skipped: '–' } as const;
const WORDS = { open: 'to do', running: 'now', done: 'done', skipped: 'skipped' } as const;

export function incidentMessage(view: IncidentView, now: Temporal.Instant): Message {
  const due = view.closedAt === null ? dueStep(view.steps) : undefined;
  const blocks: readonly KnownBlock[] = [
    section(`*Incident: ${escapeText(view.title)}*\n${sinceLine(view, now)}`),
    ...factBlocks(view.facts),
    section(stakeholderLine(view, now)),
    divider(),
    ...sections(view.steps.map(stepLine)),
    ...(due === undefined ? [] : stepBlocks(view, due)),
    ...(view.closedAt === null ? [...standingButtons(view)] : []),
    context(`\`${escapeText(view.id)}\` · steps from \`runbooks/${escapeText(view.runbook)}\``),
  ];
  const minute = Math.floor(now.epochMilliseconds / 60_000);
  return message(incidentText(view, now), blocks, `${view.version}-${minute}`);
}

function dueStep(steps: readonly IncidentStep[]): IncidentStep | undefined {
  return steps.find((step) => step.state === 'running' || step.state === 'open');
}

function sinceLine(view: IncidentView, now: Temporal.Instant): string {
  const opened = readInstant(view.openedAt);
  const closed = readInstant(view.closedAt);
  const lead = view.lead === undefined ? 'nobody yet' : sayWho(view.lead);
  if (opened === undefined) return `Lead ${lead}`;
  const length = formatSeconds(secondsBetween(opened, closed ?? now));
  return closed === undefined
    ? `Open since ${sayTime(opened)} (${length}) · server ${escapeText(view.server)} · lead ${lead}`
    : `Closed at ${sayTime(closed)} after ${length} · server ${escapeText(view.server)} · lead ${lead}`;
}

function stakeholderLine(view: IncidentView, now: Temporal.Instant): string {
  const { count, lastAt, nextDueAt } = view.updates;
  const last = readInstant(lastAt);
  if (count === 0 || last === undefined) return '*Stakeholders*  not told yet';
  const next = readInstant(nextDueAt);
  const late = next !== undefined && Temporal.Instant.compare(next, now) < 0;
  const due =
    next === undefined
      ? ''
      : ` · next update ${late ? 'was due' : 'due'} ${sayTime(next)}, ${readersOwn(next)} for you`;
  return `*Stakeholders*  ${count === 1 ? 'first notice' : `update ${count}`} sent ${sayTime(last)}${due}`;
}

function stepLine(step: IncidentStep): string {
  const note = step.note === undefined ? '' : ` · ${escapeText(clip(step.note, 200))}`;
  return `${SIGNS[step.state]} ${step.number}. ${escapeText(clip(step.title, 200))} (${WORDS[step.state]})${note}`;
}

function stepBlocks(view: IncidentView, step: IncidentStep): readonly KnownBlock[] {
  const estimate =
    step.estimateSeconds === undefined ? '' : ` · about ${formatSeconds(step.estimateSeconds)}`;
  const value = `${view.id} ${step.id}`;
  const isOperation = step.by === 'operation';
  return [
    divider(),
    section(
      `*Step ${step.number}: ${escapeText(step.title)}*${estimate}\n${escapeText(clip(unwrapped(step.prose), PROSE_MAX))}`,
    ),
    ...(step.command === undefined
      ? []
      : [
          codeSection(
            isOperation ? 'The same at a terminal:' : 'By hand:',
            step.command,
            `see runbooks/${view.runbook}.`,
          ),
        ]),
    ...(step.verification === undefined
      ? []
      : [
          codeSection(
            'It worked when this says so:',
            step.verification,
            `see runbooks/${view.runbook}.`,
          ),
        ]),
    ...(step.state === 'running'
      ? []
      : actions([
          {
            actionId: STEP_DO,
            text: isOperation
              ? `Do step ${step.number} for ${view.server}`
              : `Step ${step.number} is done`,
            label: `${isOperation ? 'Do' : 'Tick'} step ${step.number}: ${step.title}`,
            value,
            style: 'primary',
          },
          {
            actionId: STEP_SKIP,
            text: 'Skip',
            label: `Skip step ${step.number}: ${step.title}`,
            value,
          },
        ])),
  ];
}

/** A page's lines are broken for editors; a chat breaks them for its reader. Lists stay lists. */
function unwrapped(prose: string): string {
  return prose.replaceAll(/(\S)[^\S\n]*\n(?=[^\s\-*\d>])/g, '$1 ');
}

function standingButtons(view: IncidentView): readonly KnownBlock[] {
  return actions([
    {
      actionId: OPEN_UPDATE,
      text: 'Update stakeholders',
      label: `Write to the stakeholders of ${view.id}`,
      value: view.id,
    },
    {
      actionId: CLOSE_INCIDENT,
      text: 'Close incident',
      label: `Close incident ${view.id}`,
      value: view.id,
      confirm: {
        title: 'Close this incident?',
        text: `${view.title}. Its timeline stays; what still runs goes on.`,
        yes: 'Close it',
      },
    },
  ]);
}

function incidentText(view: IncidentView, now: Temporal.Instant): string {
  const opened = readInstant(view.openedAt);
  const due = dueStep(view.steps);
  return [
    `Incident: ${view.title} (${view.closedAt === null ? 'open' : 'closed'}${opened === undefined ? '' : `, since ${formatUtc(opened.round('second'))}`})`,
    ...view.facts.map(([label, value]) => `${label}: ${value}`),
    ...(due === undefined || view.closedAt !== null ? [] : [`Step ${due.number}: ${due.title}`]),
    ...(view.updates.count === 0
      ? ['Stakeholders not told yet']
      : [`Updates sent: ${view.updates.count}`]),
    ...(opened === undefined
      ? []
      : [`Open for ${formatSeconds(secondsBetween(opened, readInstant(view.closedAt) ?? now))}`]),
  ].join('\n');
}
