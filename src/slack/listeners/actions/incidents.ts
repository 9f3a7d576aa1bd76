/** Buttons of an incident's message: do or skip the step, write to stakeholders, close. */
import type { App } from '@slack/bolt';

import type { Desk } from '../../desk.ts';
import { escapeText } from '../../messages/blocks.ts';
import { CLOSE_INCIDENT, OPEN_UPDATE, STEP_DO, STEP_SKIP } from '../../messages/incident.ts';
import { whisper } from '../../messages/refusal.ts';
import { audienceOf } from '../../run-messages.ts';
import { readClick } from '../clicks.ts';
import { openUpdateForm } from '../open-forms.ts';

export function listenToIncidentButtons(app: App, desk: Desk): void {
  listenToStep(app, desk, STEP_DO, 'do');
  listenToStep(app, desk, STEP_SKIP, 'skip');

  app.action(OPEN_UPDATE, async ({ ack, body, respond }) => {
    await ack();
    const { heard, value, triggerId, channel } = readClick(body, respond);
    await desk.answer(heard, async () => openUpdateForm(desk, { triggerId, channel }, value));
  });

  app.action(CLOSE_INCIDENT, async ({ ack, body, respond }) => {
    await ack();
    const { heard, value: incidentId } = readClick(body, respond);
    await desk.answer(heard, async (actor) => {
      const signal = desk.signal;
      const said = await desk.deps.incidents.close({ incidentId, actor, signal });
      await desk.incidents.show(incidentId);
      return whisper(escapeText(said));
    });
  });
}

function listenToStep(app: App, desk: Desk, actionId: string, action: 'do' | 'skip'): void {
  app.action(actionId, async ({ ack, body, respond }) => {
    await ack();
    const { heard, value, channel } = readClick(body, respond);
    const [incidentId = '', stepId = ''] = value.split(' ');
    await desk.answer(heard, async (actor) => {
      const said = await desk.deps.incidents.step({
        incidentId,
        stepId,
        action,
        actor,
        audience: audienceOf(channel),
        signal: desk.signal,
      });
      await desk.incidents.show(incidentId);
      return whisper(escapeText(said));
    });
  });
}
