/** Puts an update where its readers are: the stakeholders' channel, or the operations channel. */
import type { Publisher } from '../communications/operation.ts';
import type { SlackSection } from '../config/sections/slack.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Chat } from './chat.ts';
import { updateMessage } from './messages/update.ts';

export interface PublisherOptions {
  readonly chat: Pick<Chat, 'post'>;
  readonly section: Pick<SlackSection, 'channels'>;
  readonly clock: Clock;
}

export function slackPublisher({ chat, section, clock }: PublisherOptions): Publisher {
  return {
    async publish(audience, update) {
      const channel = section.channels[audience];
      const posted = await chat.post({ channel }, updateMessage(update));
      return { ...posted, postedAt: clock.now() };
    },
  };
}
