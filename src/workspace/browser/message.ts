/** One message: who, when, the words or blocks, what hangs on it, and its thread. */
import { html, nothing } from 'lit';

import type { Message, Person } from '../shared/model.ts';
import { shortTime, wallTime } from '../shared/moments.ts';
import { dismiss } from './acts.ts';
import { avatar } from './avatar.ts';
import { blocks } from './blocks.ts';
import { keyOf, redraw, repliesOf, store, zoneOfReader } from './store.ts';
import { type Drawn, mrkdwn, mrkdwnLine } from './words.ts';

export interface MessageLook {
  /** Follows one by the same author: no name, no picture. */
  readonly isContinued: boolean;
  readonly isInThread: boolean;
}

export function message(own: Message, look: MessageLook): Drawn {
  const person = store.people.get(own.author);
  const name = person?.realName ?? own.author;
  const kind = own.visibleTo === undefined ? '' : 'whispered';
  return html`<article
    class="message ${kind} ${look.isContinued ? 'continued' : ''}"
    data-ts=${own.ts}
    aria-label="${name} at ${shortTime(seconds(own.ts), zoneOfReader())}"
  >
    <div class="gutter">${look.isContinued ? timeOf(own) : avatar(person)}</div>
    <div class="body">
      ${own.visibleTo === undefined ? nothing : whisperNote(own)}
      ${look.isContinued ? nothing : byline(own, person)} ${words(own)} ${hanging(own, look)}
    </div>
  </article>`;
}

function byline(own: Message, person: Person | undefined): Drawn {
  return html`<p class="byline">
    <strong>${person?.realName ?? own.author}</strong>
    ${person?.isBot === true ? html`<span class="tag">app</span>` : nothing} ${timeOf(own)}
    ${own.editedTs === undefined ? nothing : html`<span class="edited">(edited)</span>`}
  </p>`;
}

/** What hangs below the words. */
function hanging(own: Message, look: MessageLook): Drawn {
  const trouble = store.troubles.get(keyOf(own));
  return html`${
    trouble === undefined ? nothing : html`<p class="trouble" role="alert">${trouble}</p>`
  }${reactions(own)}${look.isInThread ? nothing : threadButton(own)}`;
}

function words(own: Message): Drawn {
  return own.blocks.length === 0
    ? html`<div class="text">${mrkdwn(own.text)}</div>`
    : blocks(own.blocks, { message: own });
}

function whisperNote(own: Message): Drawn {
  return html`<p class="whisper-note">
    <svg viewBox="0 0 16 16" aria-hidden="true">
      <path d="M1.500 8s2.400-4.300 6.500-4.300S14.500 8 14.500 8s-2.400 4.300-6.500 4.300S1.500 8 1.500 8Z" />
      <circle cx="8" cy="8" r="1.900" />
    </svg>
    Only visible to you
    <button type="button" class="link" @click=${() => void dismiss(own)}>Dismiss</button>
  </p>`;
}

function timeOf(own: Message): Drawn {
  const zone = zoneOfReader();
  const full = `${wallTime(seconds(own.ts), zone).replace('T', ' ')} ${zone}`;
  return html`<time class="at" title=${full}>${shortTime(seconds(own.ts), zone)}</time>`;
}

function reactions(own: Message): Drawn {
  if (own.reactions.length === 0) return nothing;
  return html`<p class="reactions">
    ${own.reactions.map(({ name, users }) => html`<span class="reaction">:${name}: ${users.length}</span>`)}
  </p>`;
}

function threadButton(own: Message): Drawn {
  const replies = repliesOf(own);
  const last = replies.at(-1);
  if (own.visibleTo !== undefined) return nothing;
  if (last === undefined)
    return html`<button
      type="button"
      class="reply quiet"
      aria-label="Reply in thread"
      @click=${() => openThread(own)}
    >
      Reply
    </button>`;
  const authors = [...new Set(replies.map(({ author }) => author))].slice(0, 3);
  return html`<button type="button" class="reply" @click=${() => openThread(own)}>
    <span class="faces">${authors.map((id) => avatar(store.people.get(id)))}</span>
    <span class="count">${replies.length} ${replies.length === 1 ? 'reply' : 'replies'}</span>
    <span class="last">${lastLine(last.text)}</span>
    <time>${shortTime(seconds(last.ts), zoneOfReader())}</time>
  </button>`;
}

function lastLine(text: string): readonly Drawn[] {
  return mrkdwnLine(text.split('\n').find((line) => line.trim() !== '') ?? '');
}

function openThread(own: Message): void {
  store.thread = own.ts;
  redraw();
}

export function seconds(ts: string): number {
  return Number.parseFloat(ts);
}
