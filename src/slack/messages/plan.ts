/** A plan that was only looked at: nothing was written, nothing happens. Pure. */
import type { Explanation } from '../../gate/operation.ts';
import {
  codeSection,
  context,
  escapeText,
  factBlocks,
  type Message,
  message,
  section,
  warningBlocks,
} from './blocks.ts';

export function planMessage(explanation: Explanation): Message {
  const facts = explanation.facts.map(([label, value]) => `${label}: ${value}`);
  return message([`Plan: ${explanation.title}`, ...facts].join('\n'), [
    section(`*Plan: ${escapeText(explanation.title)}*`),
    ...factBlocks(explanation.facts),
    ...warningBlocks(explanation.warnings),
    codeSection('At a terminal:', explanation.command, 'ask there without `--plan`.'),
    context('Only looked at: nothing was started.'),
  ]);
}
