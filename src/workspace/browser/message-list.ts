/** The messages of a channel under the days they were written on. */
import { html, nothing } from 'lit';
import { repeat } from 'lit/directives/repeat.js';

import type { Channel, Message } from '../shared/model.ts';
import { dayName } from '../shared/moments.ts';
import { message, seconds } from './message.ts';
import { isInChannel, keyOf, store, zoneOfReader } from './store.ts';
import { type Drawn, nowSeconds } from './words.ts';

/** Messages of one author this near to each other stand together. */
const TOGETHER_SECONDS = 300;

export function messageList(channel: Channel): Drawn {
  const shown = store.messages.filter((each) => each.channel === channel.id && isInChannel(each));
  return html`<div
    class="messages"
    id="messages"
    role="log"
    aria-label="Messages in ${channel.name}"
    tabindex="0"
    data-shown="${store.me} ${channel.id}"
  >
    ${shown.length === 0 ? welcome(channel) : nothing}
    ${repeat(shown, keyOf, (each, index) => withDay(each, shown[index - 1]))}
  </div>`;
}

function welcome(channel: Channel): Drawn {
  return html`<div class="welcome">
    <h2>#${channel.name}</h2>
    <p>Nothing has been said here yet. ${channel.topic}</p>
  </div>`;
}

function withDay(own: Message, before: Message | undefined): Drawn {
  const day = dayOf(own);
  const isNewDay = before === undefined || dayOf(before) !== day;
  return html`${isNewDay ? html`<p class="day"><span>${day}</span></p>` : nothing}${message(own, {
    isContinued: !isNewDay && before !== undefined && goesTogether(before, own),
    isInThread: false,
  })}`;
}

function dayOf(own: Message): string {
  return dayName(seconds(own.ts), zoneOfReader(), nowSeconds());
}

function goesTogether(before: Message, own: Message): boolean {
  const isPlain = [before, own].every(
    (each) =>
      each.blocks.length === 0 && each.visibleTo === undefined && each.editedTs === undefined,
  );
  return (
    isPlain &&
    before.author === own.author &&
    seconds(own.ts) - seconds(before.ts) < TOGETHER_SECONDS
  );
}
