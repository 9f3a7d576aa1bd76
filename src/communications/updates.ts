/** Updates as the chat uses them: a draft from the incident, the text, and the note that it was posted. */
import type { Actor } from '../gate/people.ts';
import type { Incidents } from '../incidents/incidents.ts';
import type { Clock } from '../kernel/clock.ts';
import {
  type ComposedUpdate,
  composeUpdate,
  draftUpdate,
  nextDueAt,
  nextTemplate,
  type UpdateFields,
} from './compose.ts';

export interface UpdateWords extends UpdateFields {
  readonly incidentId: string;
}

export interface PostedUpdate {
  readonly words: UpdateWords;
  readonly text: string;
  readonly actor: Actor;
  readonly channel: string;
  readonly ts: string;
  readonly at: Temporal.Instant;
  readonly signal: AbortSignal;
}

export interface Updates {
  /** The form filled from the incident. @throws Problem INCIDENT_UNKNOWN */
  draft(incidentId: string): Promise<UpdateWords>;
  /** The text as the stakeholders will read it; posts nothing. */
  compose(words: UpdateWords, author: Pick<Actor, 'name'>): Promise<ComposedUpdate>;
  /** It was posted: its time goes into the incident, and the next one's clock starts. */
  posted(update: PostedUpdate): Promise<void>;
}

export interface UpdatesDeps {
  readonly incidents: Pick<Incidents, 'require' | 'recordUpdate'>;
  readonly clock: Clock;
}

export function createUpdates({ incidents, clock }: UpdatesDeps): Updates {
  return {
    async draft(incidentId) {
      const subject = await incidents.require(incidentId);
      // When every step is over, what people want to read is that it is over.
      const isOver = subject.nextStepId === null;
      const template = isOver ? 'resolution' : nextTemplate(subject);
      return { incidentId, ...draftUpdate(subject, template) };
    },

    async compose(words, author) {
      const subject = await incidents.require(words.incidentId);
      const template = words.nextInMinutes === 0 ? 'resolution' : nextTemplate(subject);
      const now = clock.now();
      return composeUpdate({ subject, template, fields: words, author: author.name, now });
    },

    async posted({ words, actor, text, channel, ts, at, signal }) {
      const told = { text, channel, ts, at, nextDueAt: nextDueAt(words, at) };
      await incidents.recordUpdate({ incidentId: words.incidentId, actor, signal, told });
    },
  };
}
