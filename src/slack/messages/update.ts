/** The update for stakeholders: no jargon, what and since when, what it means for them, when they hear more. Pure. */
import type { ComposedUpdate } from '../deps.ts';
import { context, escapeText, factBlocks, type Message, message, section } from './blocks.ts';

export function updateMessage(update: ComposedUpdate): Message {
  return message(updateText(update), [
    section(`*${escapeText(update.title)}*`),
    ...factBlocks(update.parts),
    context(`— ${escapeText(update.signature)}`),
  ]);
}

function updateText(update: ComposedUpdate): string {
  return [
    update.title,
    ...update.parts.map(([label, value]) => `${label}: ${value}`),
    `— ${update.signature}`,
  ].join('\n');
}
