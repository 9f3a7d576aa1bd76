/** Shows an incident's living message in the operations channel, and its events in the thread. */
import type { Posted } from './chat.ts';
import type { IncidentEventView, SlackDeps } from './deps.ts';
import type { Living } from './living.ts';
import { section as block, escapeText, message } from './messages/blocks.ts';
import { incidentMessage } from './messages/incident.ts';
import { readInstant, sayTime } from './messages/when.ts';

export interface IncidentMessages {
  show(incidentId: string): Promise<Posted | undefined>;
  tell(event: IncidentEventView): Promise<void>;
}

type Needed = Pick<SlackDeps, 'incidents' | 'section' | 'clock'>;

export function incidentMessages(deps: Needed, living: Living): IncidentMessages {
  const { incidents, section, clock } = deps;
  return {
    show: async (incidentId) =>
      living.show(incidentSubject(incidentId), {
        channel: section.channels.ops,
        render: async () => {
          const view = await incidents.view(incidentId);
          return view === undefined ? undefined : incidentMessage(view, clock.now());
        },
      }),

    async tell(event) {
      const at = readInstant(event.at);
      const when = at === undefined ? '' : `${sayTime(at)} · `;
      await living.reply(
        incidentSubject(event.incidentId),
        `incident-event:${event.seq}`,
        message(event.text, [block(`${when}${escapeText(event.text)}`)]),
      );
    },
  };
}

function incidentSubject(incidentId: string): string {
  return `incident:${incidentId}`;
}
