/**
 * The update for stakeholders: the form, its preview, and only then the post. Nothing is posted that
 * was not read first, and the same preview posts once.
 */
import type { App } from '@slack/bolt';
import type { ModalView } from '@slack/types';

import type { Actor } from '../../../gate/people.ts';
import { Problem } from '../../../kernel/problem.ts';
import type { Desk } from '../../desk.ts';
import type { Message } from '../../messages/blocks.ts';
import { noteView, UPDATE_FORM, UPDATE_PREVIEW, updatePreview } from '../../messages/forms.ts';
import { problemLines, problemOf } from '../../messages/problem.ts';
import { whisper } from '../../messages/refusal.ts';
import { updateMessage } from '../../messages/update.ts';
import { SLACK_NOT_ALLOWED } from '../../problems.ts';
import { type PreviewMetadata, readPreview, readUpdateForm } from './form-values.ts';

export function listenToUpdateForms(app: App, desk: Desk): void {
  app.view(UPDATE_FORM, async ({ ack, body, view }) => {
    const reading = readUpdateForm(view);
    if (reading.outcome === 'wrong') {
      await ack({ response_action: 'errors', errors: { ...reading.errors } });
      return;
    }
    const preview = await previewOf(desk, reading.values, body.user.id);
    await ack({ response_action: 'update', view: preview });
  });

  app.view(UPDATE_PREVIEW, async ({ ack, body, view }) => {
    await ack({ response_action: 'clear' });
    const words = readPreview(view);
    const channel = words.channel === '' ? desk.deps.section.channels.ops : words.channel;
    await desk.answer({ userId: body.user.id, channel }, async (actor) =>
      postUpdate(desk, { words, actor, subject: `update:${view.root_view_id ?? view.id}` }),
    );
  });
}

async function previewOf(desk: Desk, words: PreviewMetadata, userId: string): Promise<ModalView> {
  const { updates, people, section } = desk.deps;
  try {
    const update = await updates.compose(words, await people.actorOf(userId));
    return updatePreview({
      update,
      stakeholders: section.channels.stakeholders,
      metadata: JSON.stringify(words),
    });
  } catch (error) {
    return noteView('Cannot preview this', problemLines(problemOf(error)).join('\n'));
  }
}

interface Posting {
  readonly words: PreviewMetadata;
  readonly actor: Actor;
  readonly subject: string;
}

async function postUpdate(desk: Desk, { words, actor, subject }: Posting): Promise<Message> {
  const { updates, section, clock } = desk.deps;
  await mustBeOperator(desk, actor);
  const message = updateMessage(await updates.compose(words, actor));
  const channel = section.channels.stakeholders;
  const posted = await desk.living.say(subject, channel, message);
  if (posted === undefined) return whisper('It is posted already.');
  await updates.posted({
    words,
    text: message.text,
    actor,
    ...posted,
    at: clock.now(),
    signal: desk.signal,
  });
  await desk.incidents.show(words.incidentId);
  const next =
    words.nextInMinutes === 0
      ? 'It was the last one.'
      : `The next update is due in ${words.nextInMinutes} minutes.`;
  return whisper(`Posted in <#${posted.channel}>. ${next}`);
}

async function mustBeOperator(desk: Desk, actor: Actor): Promise<void> {
  const roles = await desk.deps.people.rolesOf(actor, { signal: desk.signal });
  if (roles.includes('operator')) return;
  throw new Problem(SLACK_NOT_ALLOWED, 'Cannot post this for you: you are not an operator');
}
