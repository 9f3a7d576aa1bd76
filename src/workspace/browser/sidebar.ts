/** The left side: the workspace, its channels, and the switch between people. */
import { html, nothing } from 'lit';

import type { Channel, Person } from '../shared/model.ts';
import { avatar } from './avatar.ts';
import { isUnread, redraw, store } from './store.ts';
import type { Drawn } from './words.ts';

export interface SidebarVerbs {
  readonly becomePerson: (id: string) => void;
}

export function sidebar({ becomePerson }: SidebarVerbs): Drawn {
  const rooms = store.channels.filter(({ kind }) => kind !== 'direct');
  const direct = store.channels.filter(({ kind }) => kind === 'direct');
  return html`<aside class="sidebar">
    <header class="team">
      <img src="/code/browser/icon.svg" alt="" width="28" height="28" />
      <div>
        <strong>${store.team}</strong>
        <span class="state ${store.connection}">${stateWord()}</span>
      </div>
    </header>
    <nav aria-label="Channels">
      <h2>Channels</h2>
      <ul>
        ${rooms.map(channelItem)}
      </ul>
      ${
        direct.length === 0
          ? nothing
          : html`<h2>Direct messages</h2>
              <ul>
                ${direct.map(channelItem)}
              </ul>`
      }
    </nav>
    <section class="people" aria-label="You are">
      <h2>You are</h2>
      <div role="radiogroup" aria-label="You are" @keydown=${moveAmongPeople}>
        ${everybody().map((person, index) => personItem(person, index, becomePerson))}
      </div>
    </section>
  </aside>`;
}

export function everybody(): readonly Person[] {
  return [...store.people.values()].filter(({ isBot }) => isBot !== true);
}

function stateWord(): string {
  const words = { opening: 'opening', live: 'live', lost: 'connection lost, trying again' };
  return words[store.connection];
}

function channelItem(channel: Channel): Drawn {
  const isHere = channel.id === store.channel;
  const unread = !isHere && isUnread(channel.id);
  return html`<li>
    <button
      type="button"
      class="channel ${unread ? 'unread' : ''}"
      aria-current=${isHere ? 'page' : nothing}
      @click=${() => openChannel(channel.id)}
    >
      <span class="hash" aria-hidden="true">${channel.kind === 'direct' ? '@' : '#'}</span>
      <span class="name">${channel.name}</span>
      ${unread ? html`<span class="dot" role="img" aria-label="unread"></span>` : nothing}
    </button>
  </li>`;
}

export function openChannel(id: string): void {
  store.channel = id;
  store.thread = undefined;
  store.isMoreBelow = false;
  redraw();
}

function personItem(person: Person, index: number, become: (id: string) => void): Drawn {
  const isMe = person.id === store.me;
  return html`<button
    type="button"
    role="radio"
    class="person"
    aria-checked=${isMe ? 'true' : 'false'}
    tabindex=${isMe ? '0' : '-1'}
    title="Alt+${index + 1}"
    data-person=${person.id}
    @click=${() => become(person.id)}
  >
    ${avatar(person)}
    <span class="who"><strong>${person.realName}</strong><span>${person.title}</span></span>
  </button>`;
}

/** Arrow keys move and choose, as in any radio group. */
function moveAmongPeople(event: KeyboardEvent): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step === undefined || !(event.currentTarget instanceof HTMLElement)) return;
  event.preventDefault();
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>('.person')];
  const at = items.findIndex((item) => item === document.activeElement);
  const next = items[(at + step + items.length) % items.length];
  next?.focus();
  next?.click();
}
