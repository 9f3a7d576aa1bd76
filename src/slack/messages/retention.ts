/** What a removal came to, as a diff: what stays and why, what is gone, what did not go. Pure. */
import type { KnownBlock } from '@slack/types';

import type { Json } from '../../kernel/codecs.ts';
import { holdLines, retentionLines } from '../../retention/words.ts';
import { clip, context, escapeText, sections } from './blocks.ts';

/** The terminal shows all. */
const LINES_MAX = 60;
const LINE_MAX = 300;

/** Undefined: it is another operation's result. */
export function keepingBlocks(result: Json): readonly KnownBlock[] | undefined {
  const lines = retentionLines(result) ?? holdLines(result);
  if (lines === undefined) return undefined;
  const shown = lines.slice(0, LINES_MAX).map((line) => escapeText(clip(line, LINE_MAX)));
  const rest = lines.length - shown.length;
  return [
    ...sections(shown),
    ...(rest > 0 ? [context(`and ${rest} more lines: \`npx dbdr retention\` at a terminal`)] : []),
  ];
}

export function keepingText(result: Json): string {
  return (retentionLines(result) ?? holdLines(result) ?? []).slice(0, LINES_MAX).join('\n');
}
