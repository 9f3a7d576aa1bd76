/** A plan that was only looked at: nothing was written, nothing happens. Pure. */
import type { Explanation } from '../../gate/operation.ts';
import {
  codeBlock,
  context,
  escapeText,
  factLines,
  type Message,
  message,
  section,
  sections,
} from './blocks.ts';

export function planMessage(explanation: Explanation): Message {
  const facts = explanation.facts.map(([label, value]) => `${label}: ${value}`);
  return message([`Plan: ${explanation.title}`, ...facts].join('\n'), [
    section(`*Plan: ${escapeText(explanation.title)}*`),
    ...(explanation.facts.length === 0 ? [] : sections(factLines(explanation.facts).split('\n'))),
    ...explanation.warnings.map((warning) => section(`*Mind:* ${escapeText(warning)}`)),
    section(`At a terminal:\n${codeBlock(explanation.command)}`),
    context('Only looked at: nothing was started.'),
  ]);
}
