/** The steps of a run, one a line: a sign, the words, the percentage and the seconds. Pure. */
import { formatSeconds } from '../../kernel/moment.ts';
import { paceOf, sayPace } from '../../kernel/pace.ts';
import { formatBytes } from '../../kernel/size.ts';
import type { StepView } from '../run-view.ts';
import { clip, escapeText } from './blocks.ts';
import { readInstant, secondsBetween } from './when.ts';

const SIGNS = { done: '✓', running: '▸', failed: '✗' } as const;
const WORDS = { done: 'done', running: 'now', failed: 'failed' } as const;

/** Steps shown in the living message; the thread has them all. */
const SHOWN_MAX = 14;
const TITLE_MAX = 160;

export function stepLines(steps: readonly StepView[], now: Temporal.Instant): readonly string[] {
  const hidden = Math.max(0, steps.length - SHOWN_MAX);
  const lines = steps.slice(hidden).map((step) => stepLine(step, now));
  return hidden === 0 ? lines : [`${hidden} earlier steps are done`, ...lines];
}

/** `▸ Replaying (now) · 63 %, 39 MB of 61 MB, 2.0 MB/s, about 20 s left · 1 min 40 s`. */
export function stepLine(step: StepView, now: Temporal.Instant): string {
  return [
    `${SIGNS[step.state]} ${escapeText(clip(step.title, TITLE_MAX))} (${WORDS[step.state]})`,
    sayProgress(step),
    saySeconds(step, now),
  ]
    .filter((part) => part !== '')
    .join(' · ');
}

function sayProgress(step: StepView): string {
  if (step.state !== 'running') return '';
  const note = step.note === undefined ? '' : escapeText(clip(step.note, TITLE_MAX));
  if (step.doneBytes === undefined) return note;
  const pace = sayPace(paceOf(step.points ?? []));
  if (step.totalBytes === undefined || step.totalBytes <= 0)
    return [formatBytes(step.doneBytes), pace, note].filter((part) => part !== '').join(', ');
  const percent = Math.min(100, Math.floor((step.doneBytes / step.totalBytes) * 100));
  const bytes = `${formatBytes(step.doneBytes)} of ${formatBytes(step.totalBytes)}`;
  return [`${percent} %`, bytes, pace, note].filter((part) => part !== '').join(', ');
}

function saySeconds(step: StepView, now: Temporal.Instant): string {
  if (step.seconds !== undefined) return formatSeconds(step.seconds);
  const began = readInstant(step.beganAt);
  return step.state === 'running' && began !== undefined
    ? formatSeconds(secondsBetween(began, now))
    : '';
}
