/** The plan of `incident` in words, and as a command. Pure. */
import type { Explanation } from '../gate/operation.ts';
import { formatUtc } from '../kernel/moment.ts';
import type { Action, IncidentPlan } from './plan.ts';

export function explainIncident(plan: IncidentPlan): Explanation {
  const subject = plan.server ?? plan.incidentId ?? '';
  const facts: (readonly [string, string])[] = [];
  if (plan.scenario !== null) facts.push(['What', plan.scenario]);
  if (plan.at !== null) facts.push(['All was well at', formatUtc(Temporal.Instant.from(plan.at))]);
  if (plan.tables !== null) facts.push(['Tables', plan.tables.join(', ')]);
  if (plan.step !== null) facts.push(['Step', plan.step]);
  if (plan.to !== null) facts.push(['Lead', plan.to]);
  const title = `${TITLES[plan.action]} ${subject}`.trim();
  return { title, facts, warnings: [], approveLabel: title, command: commandOf(plan, subject) };
}

const TITLES: Readonly<Record<Action, string>> = {
  open: 'Open an incident for',
  list: 'List the open incidents',
  show: 'Show incident',
  note: 'Note something in',
  do: 'Do a step of',
  tick: 'Tick a step of',
  skip: 'Skip a step of',
  'hand-over': 'Hand over the lead of',
  close: 'Close incident',
};

function commandOf(plan: IncidentPlan, subject: string): string {
  const flags: readonly (readonly [string, string | null | undefined])[] = [
    ['what', plan.scenario],
    ['when', plan.at],
    ['tables', plan.tables?.join(',')],
    ['step', plan.step],
    ['to', plan.to],
    ['note', plan.note],
  ];
  const words = flags.flatMap(([name, value]) =>
    value === null || value === undefined
      ? []
      : [`--${name}`, /^[\w:.,-]+$/.test(value) ? value : JSON.stringify(value)],
  );
  return ['npx dbdr incident', plan.action, subject, ...words].filter(Boolean).join(' ');
}
