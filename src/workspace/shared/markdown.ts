/** The little of Markdown that a `markdown` block of ours may hold, read into the same tree as mrkdwn. Pure. */
import { type Piece, parseInline, parseMrkdwn } from './mrkdwn.ts';

/** Turns Markdown's own marks into mrkdwn's, outside code; then headings into pieces of their own. */
export function parseMarkdown(text: string): readonly Piece[] {
  return text.split(/(```[\s\S]*?```)/).flatMap((part) => {
    if (part.startsWith('```')) return parseMrkdwn(part.replace(/^```[a-z]+\n/, '```\n'));
    return part.split(/\n{2,}/).flatMap(parseBlock);
  });
}

function parseBlock(block: string): readonly Piece[] {
  const heading = /^#{1,6} (.+)$/.exec(block.trim());
  if (heading !== null)
    return [{ kind: 'heading', children: parseInline(toMrkdwn(heading[1] ?? '')) }];
  return parseMrkdwn(toMrkdwn(block));
}

function toMrkdwn(text: string): string {
  return text
    .replaceAll(/\[([^\]\n]+)\]\((https?:[^)\s]+)\)/g, '<$2|$1>')
    .replaceAll(/(?<!\*)\*(?!\*)([^*\n]+)\*(?!\*)/g, '_$1_')
    .replaceAll(/\*\*([^*\n]+)\*\*/g, '*$1*')
    .replaceAll(/~~([^~\n]+)~~/g, '~$1~')
    .replaceAll(/^\* /gm, '• ');
}
