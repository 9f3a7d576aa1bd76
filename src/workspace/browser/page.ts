/** The page: draws the store, follows the live stream, and listens to the keys that work everywhere. */
import { html, nothing, render } from 'lit';

import { isRecord, parseJson } from '../shared/json.ts';
import type { Change, Channel, Snapshot } from '../shared/model.ts';
import { runAction } from './acts.ts';
import { composer } from './composer.ts';
import { form, question } from './dialogs.ts';
import { message } from './message.ts';
import { messageList } from './message-list.ts';
import { everybody, openChannel, sidebar } from './sidebar.ts';
import {
  isInChannel,
  markRead,
  onRedraw,
  redraw,
  repliesOf,
  store,
  takeChange,
  takeSnapshot,
} from './store.ts';
import type { Drawn } from './words.ts';

const root = document.querySelector<HTMLElement>('#page');
let stream: EventSource | undefined;

onRedraw(draw);
follow(new URLSearchParams(location.search).get('as') ?? '');
document.addEventListener('keydown', onPageKey);

function draw(): void {
  if (root === null || store.connection === 'opening') return;
  root.querySelector('.loading')?.remove();
  const ends = [...document.querySelectorAll<HTMLElement>('.messages')].map(placeOf);
  render(page(), root);
  for (const list of document.querySelectorAll<HTMLElement>('.messages')) keepEnd(list, ends);
  document.querySelector('#messages')?.addEventListener('scroll', noticeEnd, { passive: true });
  markRead(store.channel);
  document.title = `#${channelHere()?.name ?? ''} · ${store.team}`;
}

/** How near to its end a list is scrolled counts as reading its newest message. */
const END_PIXELS = 80;

interface ListPlace {
  readonly shown: string;
  readonly isAtEnd: boolean;
}

function placeOf(list: HTMLElement): ListPlace {
  return {
    shown: list.dataset['shown'] ?? '',
    isAtEnd: list.scrollHeight - list.scrollTop - list.clientHeight < END_PIXELS,
  };
}

/** The note "more below" goes when the person gets there. */
function noticeEnd({ currentTarget }: Event): void {
  if (!store.isMoreBelow || !(currentTarget instanceof HTMLElement)) return;
  if (!placeOf(currentTarget).isAtEnd) return;
  store.isMoreBelow = false;
  redraw();
}

function goToEnd(): void {
  const list = document.querySelector<HTMLElement>('#messages');
  if (list !== null) list.scrollTop = list.scrollHeight;
}

/** Who reads the newest message goes on reading the newest; who reads above is left in peace. */
function keepEnd(list: HTMLElement, before: readonly ListPlace[]): void {
  const place = before.find(({ shown }) => shown === list.dataset['shown']);
  if (place === undefined || place.isAtEnd) list.scrollTop = list.scrollHeight;
}

function channelHere(): Channel | undefined {
  return store.channels.find(({ id }) => id === store.channel);
}

function page(): Drawn {
  const channel = channelHere();
  return html`<div class="frame ${store.thread === undefined ? '' : 'with-thread'}">
      ${sidebar({ becomePerson })}
      ${channel === undefined ? html`<main class="main"><p>You are in no channel.</p></main>` : main(channel)}
      ${channel === undefined ? nothing : threadPanel(channel)}
    </div>
    ${form()} ${question()}
    <div class="toast" role="status" aria-live="polite">
      ${store.toast === '' ? nothing : html`<span>${store.toast}</span>`}
    </div>`;
}

function main(channel: Channel): Drawn {
  const name = channel.kind === 'direct' ? channel.name : `#${channel.name}`;
  return html`<main class="main">
    <header class="channel-head">
      <div class="channel-words">
        <h1>${name}</h1>
        <p>${channel.topic}</p>
      </div>
      ${store.actions.length === 0 ? nothing : toolbar()}
    </header>
    ${strip(channel)} ${messageList(channel)}
    ${
      store.isMoreBelow
        ? html`<button type="button" class="more" @click=${goToEnd}>New below ↓</button>`
        : nothing
    }
    ${composer({ id: 'composer', label: `Message ${name}` })}
  </main>`;
}

function toolbar(): Drawn {
  return html`<div class="toolbar" role="toolbar" aria-label="The demo">
    ${store.actions.map(
      ({ id, label, description }) => html`<button
        type="button"
        class="button stage"
        title=${description}
        ?disabled=${store.busy.has(`action ${id}`)}
        @click=${() => void runAction(id, label)}
      >
        ${store.busy.has(`action ${id}`) ? 'Running' : label}
      </button>`,
    )}
  </div>`;
}

/** What is pinned and bookmarked, one line. */
function strip(channel: Channel): Drawn {
  if (channel.pinned.length + channel.bookmarks.length === 0) return nothing;
  return html`<p class="strip">
    ${channel.pinned.length === 0 ? nothing : html`<span>${channel.pinned.length} pinned</span>`}
    ${channel.bookmarks.map(
      ({ title, link }) =>
        html`<a href=${/^https?:/.test(link) ? link : '#'} target="_blank" rel="noopener">${title}</a>`,
    )}
  </p>`;
}

function threadPanel(channel: Channel): Drawn {
  const parent = store.messages.find(
    (each) => each.channel === channel.id && each.ts === store.thread,
  );
  if (parent === undefined) return nothing;
  const look = { isContinued: false, isInThread: true };
  return html`<aside class="thread" aria-label="Thread">
    <header>
      <h2>Thread</h2>
      <button type="button" class="close" aria-label="Close thread" @click=${closeThread}>×</button>
    </header>
    <div
      class="messages"
      role="log"
      tabindex="0"
      aria-label="Answers in the thread"
      data-shown="${store.me} ${parent.ts}"
    >
      ${message(parent, look)}
      <p class="day"><span>${repliesOf(parent).length} replies</span></p>
      ${repliesOf(parent).map((each) => message(each, look))}
    </div>
    ${composer({ id: 'thread-composer', label: 'Reply in thread', threadTs: parent.ts })}
  </aside>`;
}

function closeThread(): void {
  store.thread = undefined;
  redraw();
  document.querySelector<HTMLElement>('#composer')?.focus();
}

/** Ready to type, unless the focus is where the person put it. */
function focusComposer(): void {
  if (document.activeElement === document.body)
    document.querySelector<HTMLElement>('#composer')?.focus();
}

function becomePerson(id: string): void {
  if (id === store.me) return;
  const url = new URL(location.href);
  url.searchParams.set('as', id);
  history.replaceState(null, '', url);
  follow(id);
}

function follow(person: string): void {
  stream?.close();
  const own = new EventSource(`/stream${person === '' ? '' : `?as=${encodeURIComponent(person)}`}`);
  stream = own;
  own.addEventListener('snapshot', ({ data }: MessageEvent<string>) => {
    const snapshot = parseJson(data);
    if (isSnapshot(snapshot)) takeSnapshot(snapshot);
    redraw();
    queueMicrotask(focusComposer);
  });
  own.addEventListener('change', ({ data }: MessageEvent<string>) => {
    const change = parseJson(data);
    if (isChange(change)) {
      takeChange(change);
      noteMore(change);
    }
    redraw();
  });
  own.addEventListener('error', () => {
    store.connection = store.connection === 'opening' ? 'opening' : 'lost';
    redraw();
  });
}

/** Whoever reads further up is told that something new was said below. */
function noteMore(change: Change): void {
  const list = document.querySelector<HTMLElement>('#messages');
  if (change.kind !== 'message' || change.message.channel !== store.channel) return;
  if (list === null || placeOf(list).isAtEnd || change.message.editedTs !== undefined) return;
  if (isInChannel(change.message)) store.isMoreBelow = true;
}

/** Our own server's words are taken at their word. */
function isSnapshot(value: unknown): value is Snapshot {
  return isRecord(value) && Array.isArray(value['channels']);
}

function isChange(value: unknown): value is Change {
  return isRecord(value) && typeof value['kind'] === 'string';
}

/** Alt+1…9: become that person. Alt+Up and Alt+Down: another channel. Esc: close the thread. */
function onPageKey(event: KeyboardEvent): void {
  if (event.key === 'Escape' && !event.defaultPrevented && isNothingOpen()) {
    if (store.thread !== undefined) closeThread();
    return;
  }
  if (!event.altKey || event.ctrlKey || event.metaKey) return;
  const person = everybody()[Number(event.key) - 1];
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (person === undefined && step === undefined) return;
  event.preventDefault();
  if (person !== undefined) becomePerson(person.id);
  if (step !== undefined) stepChannel(step);
}

function isNothingOpen(): boolean {
  return store.views.length === 0 && store.question === undefined;
}

function stepChannel(step: number): void {
  const at = store.channels.findIndex(({ id }) => id === store.channel);
  const next = store.channels[(at + step + store.channels.length) % store.channels.length];
  if (next !== undefined) openChannel(next.id);
}
