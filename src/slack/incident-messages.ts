/** Shows an incident's living message in the operations channel, and its events in the thread. */
import type { KnownBlock } from '@slack/types';
import { z } from 'zod';

import type { Json } from '../kernel/codecs.ts';
import type { Posted } from './chat.ts';
import type { IncidentEventView, SlackDeps } from './deps.ts';
import type { Living } from './living.ts';
import { answerMessage } from './messages/answer.ts';
import { section as block, escapeText, message } from './messages/blocks.ts';
import { incidentMessage } from './messages/incident.ts';
import { statusMessage } from './messages/status.ts';
import { readInstant, sayTime } from './messages/when.ts';

export interface IncidentMessages {
  show(incidentId: string): Promise<Posted | undefined>;
  tell(event: IncidentEventView): Promise<void>;
}

const Seen = z.looseObject({ result: z.json() });

type Needed = Pick<SlackDeps, 'section' | 'clock'> & {
  readonly incidents: Pick<SlackDeps['incidents'], 'view'>;
};

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
        message(event.text, [
          block(`${when}${escapeText(event.text)}`),
          ...seenBlocks(event.data ?? null, clock.now()),
        ]),
      );
    },
  };
}

/** What a step that only looked has seen: everybody in the thread wants to know. */
function seenBlocks(data: Json, now: Temporal.Instant): readonly KnownBlock[] {
  const seen = Seen.safeParse(data);
  if (!seen.success) return [];
  const reader = { zone: 'UTC', now };
  const { result } = seen.data;
  return (statusMessage(result, reader) ?? answerMessage('step', result, reader)).blocks;
}

function incidentSubject(incidentId: string): string {
  return `incident:${incidentId}`;
}
