/** Opens the forms. A form's trigger lives three seconds, so nothing slow comes before it. */
import type { Actor } from '../../gate/people.ts';
import type { Desk } from '../desk.ts';
import type { Message } from '../messages/blocks.ts';
import { incidentForm, updateForm } from '../messages/forms.ts';
import { whisper } from '../messages/refusal.ts';
import { reachableLines } from '../messages/status.ts';

export interface FormPlace {
  readonly triggerId: string;
  readonly channel: string;
}

/** A form's trigger lives three seconds; what is nice to know may take this much of them. */
const REACHABLE_LIMIT_MS = 1000;

export async function openIncidentForm(
  desk: Desk,
  place: FormPlace,
  actor: Actor,
): Promise<undefined> {
  const { incidents, servers, chat, clock } = desk.deps;
  const form = incidentForm({
    scenarios: incidents.scenarios,
    servers,
    now: clock.now(),
    channel: place.channel,
    reachable: await reachableWords(desk, actor),
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

/** From when to when each server can be restored; nothing where that is not known in time. */
async function reachableWords(desk: Desk, actor: Actor): Promise<readonly string[]> {
  const signal = AbortSignal.any([desk.signal, AbortSignal.timeout(REACHABLE_LIMIT_MS)]);
  const late = new Promise<undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const asked = desk.deps.gate
    .ask({ operation: 'status', input: {}, actor, signal, performer: 'any' })
    // The form matters more than this line of it.
    .catch(() => undefined);
  const status = await Promise.race([asked, late]);
  return status?.outcome === 'answered' ? reachableLines(status.result) : [];
}
