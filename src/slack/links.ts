/**
 * Where people see a run: the address of its message. Undefined where it has none, or where Slack does not
 * say which workspace this is: a link is never what something else waits for or fails by.
 */
import type { RunId } from '../kernel/ids.ts';
import type { Chat, Posted } from './chat.ts';
import type { SlackDeps } from './deps.ts';

interface LinkDeps {
  readonly chat: Pick<Chat, 'permalink'>;
  readonly messages: Pick<SlackDeps['catalog']['messages'], 'find'>;
}

/** What a run's message is kept under. */
export function runSubject({ runId }: { readonly runId: RunId }): string {
  return `run:${runId}`;
}

export async function runLink(
  { chat, messages }: LinkDeps,
  runId: RunId,
): Promise<string | undefined> {
  const row = await messages.find(runSubject({ runId }));
  return row === undefined ? undefined : linkTo(chat, { channel: row.channel, ts: row.ts });
}

export async function linkTo(
  chat: Pick<Chat, 'permalink'>,
  posted: Posted,
): Promise<string | undefined> {
  return chat.permalink(posted).catch(() => undefined);
}
