/** `/dbdr …`: forms for a bad day and for updates; everything else is words for the gate. */
import type { App, SlashCommand } from '@slack/bolt';

import type { Actor } from '../../../gate/people.ts';
import { readWords, type WordsOptions } from '../../../gate/words.ts';
import { isRunId } from '../../../kernel/ids.ts';
import { Problem } from '../../../kernel/problem.ts';
import type { Desk } from '../../desk.ts';
import { answerMessage } from '../../messages/answer.ts';
import type { Message } from '../../messages/blocks.ts';
import { helpMessage } from '../../messages/help.ts';
import { planMessage } from '../../messages/plan.ts';
import { whisper } from '../../messages/refusal.ts';
import { SLACK_WORDS_WRONG } from '../../problems.ts';
import { audienceOf } from '../../run-messages.ts';
import { cancelRun } from '../decide.ts';
import { openIncidentForm, openUpdateForm } from '../open-forms.ts';

const COMMAND = '/dbdr';

const WORDS: WordsOptions = {
  prefix: COMMAND,
  callerFlags: [{ name: 'plan', kind: 'switch', describe: 'Only show what would be done' }],
};

export function listenToDbdr(app: App, desk: Desk): void {
  app.command(COMMAND, async ({ command, ack, respond }) => {
    await ack();
    const heard = { userId: command.user_id, channel: command.channel_id, respond };
    await desk.answer(heard, async (actor) => obey(desk, command, actor));
  });
}

async function obey(desk: Desk, command: SlashCommand, actor: Actor): Promise<Message | undefined> {
  const text = command.text.trim();
  const form = { triggerId: command.trigger_id, channel: command.channel_id };
  if (/^incident(\s+open)?$/i.test(text)) return openIncidentForm(desk, form, actor);
  if (/^update$/i.test(text)) return openUpdateForm(desk, form);
  const cancel = /^cancel\s+(\S+)$/i.exec(text);
  if (cancel !== null) return cancelWords(desk, cancel[1] ?? '', actor);
  return askInWords(desk, text, {
    actor,
    channel: command.channel_id,
    onceKey: `slack:${command.trigger_id}`,
  });
}

async function cancelWords(desk: Desk, id: string, actor: Actor): Promise<Message | undefined> {
  if (isRunId(id)) return cancelRun(desk, id, actor);
  throw new Problem(SLACK_WORDS_WRONG, `Cannot cancel "${id}": that is not the name of a run`, {
    hint: 'List the runs with `runs`.',
  });
}

export interface AskInWords {
  readonly actor: Actor;
  readonly channel: string;
  /** The same trigger delivered twice asks once. */
  readonly onceKey: string;
}

/** Look-only answers come back as a message for the asker; a run speaks in the channel by itself. */
export async function askInWords(
  desk: Desk,
  text: string,
  { actor, channel, onceKey }: AskInWords,
): Promise<Message | undefined> {
  const { gate, registry, clock } = desk.deps;
  const words = readWords(registry, text, WORDS);
  if (words.outcome === 'help') return helpMessage(words.text);
  const request = {
    operation: words.operation,
    input: words.input,
    actor,
    signal: desk.signal,
    audience: audienceOf(channel),
    onceKey,
    performer: 'any' as const,
  };
  if (words.caller['plan'] === true || words.input['plan'] === true)
    return planMessage((await gate.plan(request)).explanation);
  const asked = await gate.ask(request);
  if (asked.outcome === 'answered')
    return answerMessage(words.operation, asked.result, readerOf(actor, clock.now()));
  return asked.again
    ? whisper(`Already asked: run \`${asked.runs[0]?.run.runId ?? ''}\``)
    : undefined;
}

function readerOf(
  actor: Actor,
  now: Temporal.Instant,
): { readonly zone: string; readonly now: Temporal.Instant } {
  return { zone: actor.zone, now };
}
