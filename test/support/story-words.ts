/** Reads and waits in the workspace as a person at the screen does: words, buttons, answers. */
import { expect } from 'vitest';

import { OPS } from '../../src/demo/people.ts';
import type { Json } from '../../src/kernel/codecs.ts';
import type { Message, View, Workspace } from '../../src/workspace/workspace.ts';

/** A restore on two busy cores. */
const WAIT_MS = 45_000;

type Room = { readonly workspace: Workspace };

/** All that a person reads in it: the text, the words of its blocks and of its buttons. */
export function wordsOf({ text, blocks }: Pick<Message, 'text' | 'blocks'>): string {
  const found: string[] = [text];
  JSON.stringify(blocks, (key, value: Json) => {
    if (key === 'text' && typeof value === 'string') found.push(value);
    return value;
  });
  return unescape(found.join('\n'));
}

function unescape(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

/** The actions of its buttons, in order. */
export function buttonsOf({ blocks }: Pick<Message, 'blocks'>): readonly string[] {
  const found: string[] = [];
  JSON.stringify(blocks, (key, value: Json) => {
    if (key === 'action_id' && typeof value === 'string') found.push(value);
    return value;
  });
  return found;
}

/** The newest message in #ops that says all of it. */
export async function said(
  { workspace }: Room,
  words: readonly (RegExp | string)[],
  { channel = OPS, fits = () => true }: { channel?: string; fits?: (m: Message) => boolean } = {},
): Promise<Message> {
  return workspace.waitForMessage(
    channel,
    (message) =>
      message.threadTs === undefined && saysAll(wordsOf(message), words) && fits(message),
    { signal: AbortSignal.timeout(WAIT_MS), what: words.join(' and ') },
  );
}

/** The same message, once it says all of it. */
export async function sameSays(
  room: Room,
  { channel, ts }: Message,
  ...words: readonly (RegExp | string)[]
): Promise<Message> {
  return said(room, words, { channel, fits: (message) => message.ts === ts });
}

/** Does something, and answers what only `who` is told because of it. */
export async function whispered(
  { workspace }: Room,
  who: string,
  act: () => Promise<unknown>,
): Promise<string> {
  const before = new Set(workspace.ephemerals(who).map(({ ts }) => ts));
  await act();
  const told = await workspace.waitForEphemeral(who, ({ ts }) => !before.has(ts), {
    signal: AbortSignal.timeout(WAIT_MS),
    what: 'an answer',
  });
  return wordsOf(told);
}

/** What `/dbdr …` answers to whoever typed it, and to nobody else. */
export async function answerTo(room: Room, who: string, command: string): Promise<string> {
  return whispered(room, who, async () => room.workspace.as(who).command(command, OPS));
}

/** The form with that title, open before `who`. */
export async function formOf({ workspace }: Room, who: string, title: string): Promise<View> {
  return workspace.waitForView(who, ({ content }) => JSON.stringify(content).includes(title), {
    signal: AbortSignal.timeout(WAIT_MS),
    what: `the form ${title}`,
  });
}

export async function clicks(
  room: Room,
  who: string,
  { ts }: Message,
  action: string,
): Promise<void> {
  expect(await room.workspace.as(who).click(ts, action)).toEqual({ outcome: 'done' });
}

/** What stands in the thread beneath a message, oldest first. */
export function threadOf({ workspace }: Room, { channel, ts }: Message): readonly string[] {
  return workspace.thread(channel, ts).map(({ text }) => text);
}

/** Messages of the channel itself, without threads. */
export function roots({ workspace }: Room, channel = OPS): readonly Message[] {
  return workspace.messages(channel).filter(({ threadTs }) => threadTs === undefined);
}

function saysAll(text: string, words: readonly (RegExp | string)[]): boolean {
  return words.every((word) => (typeof word === 'string' ? text.includes(word) : word.test(text)));
}

/** The SQL that the message shows for a table, as a person copies it out of its code block. */
export function sqlOf(message: Message, table: string): string {
  const blocks = wordsOf(message).match(/```\n[^`]*```/g) ?? [];
  const sql = blocks.find((block) => /^```\n(INSERT|ALTER)/.test(block) && block.includes(table));
  if (sql === undefined) throw new Error(`No SQL for ${table} in: ${wordsOf(message)}`);
  return sql.replaceAll('```', '');
}
