/** The form for a bad day comes back: errors beside their fields, or an incident with its walk. */
import type { App } from '@slack/bolt';

import type { Desk } from '../../desk.ts';
import { escapeText } from '../../messages/blocks.ts';
import { INCIDENT_FORM } from '../../messages/forms.ts';
import { whisper } from '../../messages/refusal.ts';
import { audienceOf } from '../../run-messages.ts';
import { readIncidentForm } from './form-values.ts';

export function listenToIncidentForm(app: App, desk: Desk): void {
  app.view(INCIDENT_FORM, async ({ ack, body, view }) => {
    const { incidents, clock, section } = desk.deps;
    const reading = readIncidentForm(view, clock.now());
    if (reading.outcome === 'wrong') {
      await ack({ response_action: 'errors', errors: { ...reading.errors } });
      return;
    }
    await ack();
    const { channel: typedIn, ...values } = reading.values;
    const channel = typedIn === '' ? section.channels.ops : typedIn;
    await desk.answer({ userId: body.user.id, channel }, async (actor) => {
      const signal = desk.signal;
      const audience = audienceOf(section.channels.ops);
      const opened = await incidents.open({ ...values, actor, audience, signal });
      await desk.incidents.show(opened.id);
      return whisper(
        `Incident \`${escapeText(opened.id)}\` is open. Its steps are in <#${section.channels.ops}>.`,
      );
    });
  });
}
