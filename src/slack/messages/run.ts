/**
 * The one living message of a run: what it is and how far, its plan or its result, and beneath it
 * whatever waits for it and needs an approval. Edited as the run proceeds. Pure.
 */
import type { KnownBlock } from '@slack/types';
import { z } from 'zod';

import { sayPaged } from '../../alerts/paged.ts';
import { alertLines } from '../../alerts/words.ts';
import { isEnded } from '../../catalog/runs.ts';
import type { Json } from '../../kernel/codecs.ts';
import { formatSeconds } from '../../kernel/moment.ts';
import { retentionTitle } from '../../retention/words.ts';
import { type RunView, readAsker, type Surroundings } from '../run-view.ts';
import { approvalBlocks, decisionLine, whenAsked } from './approval.ts';
import { backupBlocks, backupText, backupTitle } from './backup.ts';
import {
  actions,
  clip,
  context,
  divider,
  escapeText,
  factBlocks,
  linked,
  type Message,
  message,
  section,
  sections,
  warningBlocks,
} from './blocks.ts';
import { sayName, sayWho } from './people.ts';
import { problemLines, readProblem } from './problem.ts';
import { stepLines } from './progress.ts';
import { restoredBlocks, restoredText } from './restore.ts';
import { keepingBlocks, keepingText } from './retention.ts';
import { verificationBlocks, verificationText, verificationTitle } from './verification.ts';
import { readInstant, secondsBetween } from './when.ts';

export const CANCEL = 'cancel_run';

const TITLE_MAX = 280;
const SAID_MAX = 2000;

const Said = z.looseObject({ said: z.string().optional(), text: z.string().optional() });

/** `version` grows with each event, so that each edit has block ids of its own. */
export function runMessage(view: RunView, around: Surroundings, version: number): Message {
  const blocks = [
    section(`*${escapeText(headline(view))}*\n${stateLine(view, around)}`),
    ...bodyBlocks(view, around),
    ...view.followUps.flatMap((followUp) => followUpBlocks(followUp, around, view)),
    ...cancelButton(view),
    context(
      `asked by ${sayWho(readAsker(view.run))} · run ${linked(view.run.runId, view.link)} · details in the thread`,
    ),
  ];
  return message(runText(view, around), blocks, version);
}

/** Once it is done, the headline says what came of it, and whether somebody was woken. */
function headline(view: RunView): string {
  return [outcomeOf(view), ...pageWords(view)].join(' · ');
}

const Failed = z.looseObject({ verdict: z.literal('FAIL') });

/** A proof that failed is never shown without saying how far its page is. */
function pageWords({ run, paged }: RunView): readonly string[] {
  if (paged !== undefined) return [clip(sayPaged(paged), TITLE_MAX)];
  const isFailedProof = run.operation === 'verify' && Failed.safeParse(run.result).success;
  return isFailedProof ? [sayPaged({ outcome: 'waiting', said: null })] : [];
}

function outcomeOf({ run, explanation }: RunView): string {
  if (run.state !== 'done') return clip(explanation.title, TITLE_MAX);
  const outcome =
    (run.operation === 'verify' ? verificationTitle(run.result) : undefined) ??
    backupTitle(run.result, run.server) ??
    retentionTitle(run.result);
  return clip(outcome ?? explanation.title, TITLE_MAX);
}

function stateLine(view: RunView, around: Surroundings): string {
  const { run } = view;
  const began = readInstant(run.startedAt);
  const until = readInstant(run.endedAt) ?? around.now;
  const took = began === undefined ? '' : ` · ${formatSeconds(secondsBetween(began, until))}`;
  const asked = run.cancelAsked && run.state === 'running' ? ' · stopping, as was asked' : '';
  return `${stateWord(view)}${took}${asked}`;
}

function stateWord(view: RunView): string {
  const words = {
    waiting: 'Waiting for approval',
    approved: view.run.after === null ? 'Starting' : 'Approved, starting',
    running: 'Running',
    done: 'Done',
    failed: 'Failed',
    cancelled: 'Cancelled',
    interrupted: 'Interrupted: the process that did it ended; what it left is being cleaned up',
    refused: 'Refused',
    expired: 'Expired before anybody approved',
  } as const;
  return words[view.run.state];
}

function bodyBlocks(view: RunView, around: Surroundings): readonly KnownBlock[] {
  const { run } = view;
  if (run.state === 'waiting') return approvalBlocks(view, around);
  const decided = run.danger === 'high' ? [context(decisionLine(view, around))] : [];
  if (run.state === 'done') return [...decided, ...resultBlocks(view)];
  return [
    ...planBlocks(view),
    ...decided,
    ...sections(stepLines(view.steps, around.now)),
    ...problemBlocks(view),
  ];
}

function planBlocks(view: RunView): readonly KnownBlock[] {
  const { facts, warnings } = view.explanation;
  return [...factBlocks(whenAsked(facts)), ...warningBlocks(warnings)];
}

function problemBlocks(view: RunView): readonly KnownBlock[] {
  const problem = readProblem(view.run.problem);
  return problem === undefined ? [] : [section(problemLines(problem).join('\n'))];
}

function resultBlocks(view: RunView): readonly KnownBlock[] {
  const { run } = view;
  if (run.operation === 'backup') return backupBlocks(run.result);
  if (run.operation === 'verify') return verificationBlocks(run.result, run.runId);
  if (run.operation.startsWith('restore'))
    return [...lastingFacts(view), ...restoredBlocks(run.result, run.runId)];
  const keeping = keepingBlocks(run.result);
  if (keeping !== undefined) return keeping;
  return [...lastingFacts(view), ...saidBlocks(run.result)];
}

/** What was forecast is over once it is done; the thread keeps the whole plan. */
const FORECASTS: ReadonlySet<string> = new Set(['Reads', 'Writes', 'Forecast', 'Danger']);

function lastingFacts({ explanation }: RunView): readonly KnownBlock[] {
  return factBlocks(whenAsked(explanation.facts.filter(([label]) => !FORECASTS.has(label))));
}

/** What an operation with no message of its own says about its result. */
function saidBlocks(result: Json): readonly KnownBlock[] {
  const alerts = alertLines(result);
  if (alerts !== undefined) return [section(escapeText(clip(alerts.join('\n'), SAID_MAX)))];
  const read = Said.safeParse(result);
  return read.success
    ? [section(escapeText(clip(read.data.said ?? read.data.text ?? 'Done.', SAID_MAX)))]
    : [];
}

function followUpBlocks(
  view: RunView,
  around: Surroundings,
  parent: RunView,
): readonly KnownBlock[] {
  const { run, explanation } = view;
  if (run.state === 'waiting') return [divider(), ...approvalBlocks(view, around, parent)];
  const title = `*${escapeText(clip(explanation.title, TITLE_MAX))}*\n${stateLine(view, around)}`;
  return [
    divider(),
    section(title),
    context(decisionLine(view, around)),
    ...(run.state === 'done'
      ? restoredBlocks(run.result, run.runId)
      : sections(stepLines(view.steps, around.now))),
    ...problemBlocks(view),
  ];
}

/** One button for whichever of the pair is at work. */
function cancelButton(view: RunView): readonly KnownBlock[] {
  const working = [view, ...view.followUps].find(
    ({ run }) => (run.state === 'running' || run.state === 'approved') && !run.cancelAsked,
  );
  if (working === undefined) return [];
  return actions([
    {
      actionId: CANCEL,
      text: 'Cancel',
      label: `Cancel: ${working.explanation.title}`,
      value: working.run.runId,
      confirm: {
        title: 'Cancel this run?',
        text: `${working.explanation.title}. It stops at the next safe point and cleans up after itself.`,
        yes: 'Cancel it',
      },
    },
  ]);
}

function runText(view: RunView, around: Surroundings): string {
  const { run } = view;
  const lines = [
    `${headline(view)}: ${stateWord(view)}, asked by ${sayName(readAsker(run))}`,
    ...resultText(view),
    ...view.followUps.map((next) => `${next.explanation.title}: ${stateWord(next)}`),
    ...view.followUps.flatMap(resultText),
    ...[view, ...view.followUps]
      .filter((each) => each.run.state === 'waiting' && each.run.expiresAt !== null)
      .map((each) => `Expires ${each.run.expiresAt ?? ''}`),
  ];
  const problem = isEnded(run.state) ? readProblem(run.problem) : undefined;
  if (problem !== undefined) lines.push(`${problem.message}. ${problem.hint} (${problem.code})`);
  if (!isEnded(run.state)) lines.push(...stepLines(view.steps, around.now).slice(-3));
  return lines.filter((line) => line !== '').join('\n');
}

function resultText(view: RunView): readonly string[] {
  const { run } = view;
  if (run.state !== 'done') return [];
  if (run.operation === 'backup') return [backupText(run.result)];
  if (run.operation === 'verify') return [verificationText(run.result)];
  return [restoredText(run.result), keepingText(run.result)];
}
