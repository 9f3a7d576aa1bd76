/**
 * Updates for stakeholders from built-in templates: what and since when, what it means for them, what is
 * being done, when they hear more. Pure: an incident's view and words in, plain data and text out.
 */
import { formatSeconds } from '../kernel/moment.ts';

export const TEMPLATES = ['first notice', 'progress', 'resolution'] as const;
export type Template = (typeof TEMPLATES)[number];

/** What a template reads of an incident; a description of `incidents/` fits. */
export interface UpdateSubject {
  readonly id: string;
  readonly server: string;
  readonly title: string;
  readonly openedAt: string;
  /** Label and value. */
  readonly facts: readonly (readonly [label: string, value: string])[];
  readonly steps: readonly UpdateStep[];
  readonly updates: { readonly count: number };
}

interface UpdateStep {
  readonly title: string;
  readonly state: 'open' | 'running' | 'done' | 'skipped';
  readonly estimateSeconds: number;
}

export interface UpdateFields {
  readonly what: string;
  readonly impact: string;
  readonly doing: string;
  /** Zero: this is the last one. */
  readonly nextInMinutes: number;
}

export interface ComposedUpdate {
  /** `Update 1 · 14:56 UTC · shop`. */
  readonly title: string;
  readonly parts: readonly (readonly [label: string, value: string])[];
  /** `Ben, for the incident team`. */
  readonly signature: string;
}

const FIRST_NEXT_MINUTES = 20;
const LATER_NEXT_MINUTES = 30;

/** The template that comes next: the first, then progress; the resolution is chosen by a person. */
export function nextTemplate({ updates }: Pick<UpdateSubject, 'updates'>): Template {
  return updates.count === 0 ? 'first notice' : 'progress';
}

/** The form as it is offered: a person corrects what is wrong. Promises nothing nobody has said. */
export function draftUpdate(subject: UpdateSubject, template: Template): UpdateFields {
  const since = `since about ${clockTime(momentOf(subject))} UTC`;
  const what = `${sayTitle(subject.title)} ${since}.`;
  switch (template) {
    case 'first notice':
      return {
        what,
        impact: 'We are finding out what this means for you. What you enter now is kept.',
        doing: 'Recovery is being prepared in a separate place; production is not touched yet.',
        nextInMinutes: FIRST_NEXT_MINUTES,
      };
    case 'progress':
      return {
        what,
        impact: 'As told before; what you enter now is kept.',
        doing: progressOf(subject.steps),
        nextInMinutes: LATER_NEXT_MINUTES,
      };
    case 'resolution':
      return {
        what: `Over: ${what}`,
        impact: 'Everything works again. Tell us if you still miss something.',
        doing: 'The damaged data is back. We keep watching, and write down what we learned.',
        nextInMinutes: 0,
      };
    default:
      throw new TypeError(`Unreachable template: ${JSON.stringify(template satisfies never)}`);
  }
}

export interface ComposeRequest {
  readonly subject: Pick<UpdateSubject, 'server' | 'updates'>;
  readonly template: Template;
  readonly fields: UpdateFields;
  readonly author: string;
  readonly now: Temporal.Instant;
}

export function composeUpdate(request: ComposeRequest): ComposedUpdate {
  const { subject, template, fields, author, now } = request;
  const number = subject.updates.count + 1;
  const head = template === 'resolution' ? `Resolved, update ${number}` : `Update ${number}`;
  const next = nextDueAt(fields, now);
  const more = next === null ? 'None: this is the last update on it.' : `${clockTime(next)} UTC`;
  return {
    title: `${head} · ${clockTime(now)} UTC · ${subject.server}`,
    parts: [
      ['What', fields.what],
      ['Impact', fields.impact],
      ['What we do', fields.doing],
      ['Next update by', more],
    ],
    signature: `${author}, for the incident team`,
  };
}

/** Null: there is none. */
export function nextDueAt(
  { nextInMinutes }: Pick<UpdateFields, 'nextInMinutes'>,
  now: Temporal.Instant,
): Temporal.Instant | null {
  return nextInMinutes === 0 ? null : now.add({ minutes: nextInMinutes });
}

/** For mail, or a channel that dbdr does not reach. */
export function updateText({ title, parts, signature }: ComposedUpdate): string {
  const lines = parts.map(([label, value]) => `${label}: ${value}`);
  return [title, ...lines, `— ${signature}`].join('\n');
}

/** When it began as far as anybody knows; else when the incident was opened. */
function momentOf({ facts, openedAt }: UpdateSubject): Temporal.Instant {
  const said = facts.find(([label]) => label === 'All was well at')?.[1] ?? '';
  const found = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) UTC$/.exec(said);
  return Temporal.Instant.from(found === null ? openedAt : `${found[1]}T${found[2]}Z`);
}

/** `shop: rows or a table are gone` as the beginning of a sentence. */
function sayTitle(title: string): string {
  return title.charAt(0).toUpperCase() + title.slice(1);
}

function progressOf(steps: readonly UpdateStep[]): string {
  const over = steps.filter(({ state }) => state === 'done' || state === 'skipped').length;
  const now = steps.find(({ state }) => state === 'running' || state === 'open');
  if (now === undefined) return 'All steps of the recovery are done; we are checking the result.';
  const about = formatSeconds(Math.max(10, now.estimateSeconds));
  return `${over} of ${steps.length} steps are done. Now: ${now.title} (usually ${about}).`;
}

function clockTime(at: Temporal.Instant): string {
  return at.toString({ smallestUnit: 'minute' }).slice(11, 16);
}
