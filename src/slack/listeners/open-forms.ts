/** Opens the forms. A form's trigger lives three seconds, so nothing slow comes before it. */
import type { Desk } from '../desk.ts';
import type { Message } from '../messages/blocks.ts';
import { incidentForm, updateForm } from '../messages/forms.ts';
import { whisper } from '../messages/refusal.ts';

export interface FormPlace {
  readonly triggerId: string;
  readonly channel: string;
}

export async function openIncidentForm(desk: Desk, place: FormPlace): Promise<undefined> {
  const { incidents, servers, chat, clock } = desk.deps;
  const form = incidentForm({
    scenarios: incidents.scenarios,
    servers,
    now: clock.now(),
    channel: place.channel,
  });
  await chat.openView(place.triggerId, form);
  return undefined;
}

export async function openUpdateForm(
  desk: Desk,
  place: FormPlace,
  wishedId?: string,
): Promise<Message | undefined> {
  const { incidents, updates, chat } = desk.deps;
  const open = await incidents.listOpen();
  const about = open.find(({ id }) => id === wishedId) ?? open.at(-1);
  if (about === undefined)
    return whisper(
      'There is no open incident to write about. Open one with `/dbdr incident` first.',
    );
  const draft = await updates.draft(about.id);
  await chat.openView(
    place.triggerId,
    updateForm({ incidents: open, draft, channel: place.channel }),
  );
  return undefined;
}
