/** What can be asked, in the gate's own words. Pure. */
import type { KnownBlock } from '@slack/types';

import { codeSection, context, type Message, message } from './blocks.ts';

/** A page of help may be longer than a section. */
const LINES_AT_ONCE = 25;

export function helpMessage(text: string): Message {
  return message(text, [
    ...codeLines(text),
    context(
      '`incident` opens the walk for a bad day · `update` writes to stakeholders · `cancel RUN` stops a run',
    ),
  ]);
}

function codeLines(text: string): readonly KnownBlock[] {
  const lines = text.split('\n');
  const pieces = Math.ceil(lines.length / LINES_AT_ONCE);
  return Array.from({ length: pieces }, (_piece, index) => {
    const shown = lines.slice(index * LINES_AT_ONCE, (index + 1) * LINES_AT_ONCE);
    const words = index === 0 ? '*What you can ask for*, behind `/dbdr`:' : '…';
    return codeSection(words, shown.join('\n'), '`npx dbdr help` at a terminal has it.');
  });
}
