/**
 * What goes into a run's thread: the plan with its exact terminal command, each decision with its name
 * and time, and how it ended with every step's seconds. Undefined: the event is for the message only.
 * Pure.
 */
import { Paged, sayPaged } from '../../alerts/paged.ts';
import type { RunEvent } from '../../catalog/runs.ts';
import { formatSeconds } from '../../kernel/moment.ts';
import { type RunView, readAsker, readDeciders } from '../run-view.ts';
import { sayDecider, shortHash } from './approval.ts';
import {
  clip,
  codeSection,
  escapeText,
  factBlocks,
  type Message,
  message,
  section,
  sections,
  warningBlocks,
} from './blocks.ts';
import { sayWho } from './people.ts';
import { problemLines, readProblem } from './problem.ts';
import { stepLine } from './progress.ts';
import { proofDetails } from './verification.ts';
import { readInstant, sayTime } from './when.ts';

const TITLE_MAX = 300;
const PLAN_MAX = 200;
/** A run of hundreds of steps is cut; `runs` has them all. */
const SECTIONS_MAX = 10;

type Detail = (event: RunEvent, view: RunView) => Message | undefined;

const DETAILS: Readonly<Record<RunEvent['kind'], Detail>> = {
  asked: (_event, view) => planDetail(view),
  approved: (event, view) => decisionDetail(event, view, 'Approved'),
  refused: (event, view) => decisionDetail(event, view, 'Refused'),
  'cancel asked': (event, view) => decisionDetail(event, view, 'Asked to stop'),
  expired: (event) => line(event, 'The request expired before enough people approved.'),
  done: endDetail,
  failed: endDetail,
  cancelled: endDetail,
  interrupted: endDetail,
  paged: pagedDetail,
  started: nothing,
  'step began': nothing,
  'step ended': nothing,
  progress: nothing,
};

export function threadMessage(event: RunEvent, view: RunView): Message | undefined {
  return DETAILS[event.kind](event, view);
}

/** The living message says it. */
function nothing(): undefined {
  return undefined;
}

function planDetail({ explanation, run }: RunView): Message {
  const text = `The plan ${shortHash(run.planHash)}: ${explanation.title}. At a terminal: ${explanation.command}`;
  return message(text, [
    codeSection(
      `*Plan \`${shortHash(run.planHash)}\`:* ${escapeText(clip(explanation.title, PLAN_MAX))}\nThe same at a terminal, with Slack down:`,
      explanation.command,
      'ask there as it was asked here.',
    ),
    ...factBlocks(explanation.facts),
    ...warningBlocks(explanation.warnings),
  ]);
}

function decisionDetail(event: RunEvent, view: RunView, word: string): Message | undefined {
  const decider = readDeciders(view.run).findLast((each) => each.at === event.at);
  // What is low needs nobody's approval: the gate's own is no news.
  if (decider === undefined) return event.kind === 'approved' ? undefined : line(event, `${word}.`);
  return message(`${word} by @${decider.actor.name}`, [
    section(
      `*${word}* by ${sayDecider(decider)}: ${escapeText(clip(view.explanation.title, 300))}`,
    ),
  ]);
}

/** Names whoever asked, so that they hear of it: an edited message makes no sound. */
function endDetail(event: RunEvent, view: RunView): Message {
  const at = readInstant(event.at) ?? Temporal.Instant.fromEpochMilliseconds(0);
  const problem = event.kind === 'done' ? undefined : readProblem(view.run.problem);
  const asker = readAsker(view.run);
  const title = escapeText(clip(view.explanation.title, TITLE_MAX));
  const opening = [
    ...(asker.kind === 'slack' ? [`${sayWho(asker)}:`] : []),
    `*${title}: ${event.kind}* at ${sayTime(at)}${sayLength(view)}`,
  ].join(' ');
  return message(`${view.explanation.title}: ${event.kind}`, [
    ...sections([opening, ...view.steps.map((step) => stepLine(step, at))]).slice(0, SECTIONS_MAX),
    ...(view.run.operation === 'verify' ? proofDetails(view.run.result) : []),
    ...(problem === undefined ? [] : [section(problemLines(problem).join('\n'))]),
  ]);
}

function pagedDetail(event: RunEvent): Message | undefined {
  const read = Paged.safeParse(event.data);
  // It was sent a moment ago: the living message says so until the answer is here.
  if (read.data?.outcome === 'waiting' && read.data.said === null) return undefined;
  return read.success ? line(event, `${capital(sayPaged(read.data))}.`) : undefined;
}

function capital(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

function sayLength({ steps }: RunView): string {
  const seconds = steps.reduce((sum, step) => sum + (step.seconds ?? 0), 0);
  if (seconds === 0) return '';
  return `, ${formatSeconds(seconds)} in ${steps.length === 1 ? 'one step' : `${steps.length} steps`}`;
}

function line(event: RunEvent, words: string): Message {
  const at = readInstant(event.at);
  return message(words, [section(`${words}${at === undefined ? '' : ` (${sayTime(at)})`}`)]);
}
