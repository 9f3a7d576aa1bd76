/**
 * Where the person types. Enter sends, Shift+Enter makes a line, Tab completes a command, Up brings
 * back what was sent, Esc closes the list of completions.
 */
import { html, nothing } from 'lit';
import { live } from 'lit/directives/live.js';

import { type Completion, completionsFor } from '../shared/completion.ts';
import { say } from './acts.ts';
import { redraw, store } from './store.ts';
import type { Drawn } from './words.ts';

interface Draft {
  text: string;
  /** The marked completion; -1: none. */
  marked: number;
  isListClosed: boolean;
  /** How far back in what was sent; 0: what is being typed. */
  back: number;
}

const drafts = new Map<string, Draft>();
/** What was sent, by person; the newest last. */
const sent = new Map<string, string[]>();

export interface ComposerPlace {
  readonly id: string;
  /** What the field is called: `Message #ops`. */
  readonly label: string;
  readonly threadTs?: string;
}

export function composer(place: ComposerPlace): Drawn {
  const draft = draftOf(place);
  const list = listFor(place, draft);
  const isOpen = list.length > 0;
  return html`<form
    class="composer"
    @submit=${(event: Event) => {
      event.preventDefault();
      send(place);
    }}
  >
    ${isOpen ? completionList(place, draft, list) : nothing}
    <textarea
      id=${place.id}
      rows="1"
      role="combobox"
      aria-label=${place.label}
      aria-autocomplete="list"
      aria-expanded=${isOpen ? 'true' : 'false'}
      aria-controls="${place.id}-list"
      aria-activedescendant=${isOpen && draft.marked >= 0 ? `${place.id}-${draft.marked}` : nothing}
      placeholder=${place.label}
      .value=${live(draft.text)}
      @input=${(event: Event) => typed(place, event)}
      @keydown=${(event: KeyboardEvent) => onKey(place, event)}
    ></textarea>
    <button type="submit" class="send" aria-label="Send" ?disabled=${draft.text.trim() === ''}>
      <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M3 10 17 3.500 12.500 17 9.500 11Z" /></svg>
    </button>
  </form>`;
}

function completionList(place: ComposerPlace, draft: Draft, list: readonly Completion[]): Drawn {
  return html`<ul class="completions" id="${place.id}-list" role="listbox" aria-label="Commands">
    ${list.map(
      ({ text, description }, index) => html`<li
        id="${place.id}-${index}"
        role="option"
        aria-selected=${index === draft.marked ? 'true' : 'false'}
        @mousedown=${(event: Event) => {
          event.preventDefault();
          complete(place, text);
        }}
      >
        <code>${text}</code><span>${description}</span>
      </li>`,
    )}
    <li class="keys" role="presentation"><kbd>Tab</kbd> completes <kbd>Enter</kbd> sends</li>
  </ul>`;
}

function draftOf(place: ComposerPlace): Draft {
  const key = `${store.me} ${place.threadTs ?? store.channel}`;
  const known = drafts.get(key);
  if (known !== undefined) return known;
  const fresh: Draft = { text: '', marked: -1, isListClosed: false, back: 0 };
  drafts.set(key, fresh);
  return fresh;
}

/** Commands work in channels, not in threads. */
function listFor(place: ComposerPlace, draft: Draft): readonly Completion[] {
  if (draft.isListClosed || place.threadTs !== undefined) return [];
  return completionsFor(draft.text, store.commands);
}

function typed(place: ComposerPlace, event: Event): void {
  if (!(event.target instanceof HTMLTextAreaElement)) return;
  Object.assign(draftOf(place), {
    text: event.target.value,
    marked: -1,
    isListClosed: false,
    back: 0,
  });
  redraw();
}

function onKey(place: ComposerPlace, event: KeyboardEvent): void {
  if (event.isComposing) return;
  const draft = draftOf(place);
  if (didHandle(place, draft, event)) {
    event.preventDefault();
    redraw();
  }
}

function didHandle(place: ComposerPlace, draft: Draft, event: KeyboardEvent): boolean {
  const list = listFor(place, draft);
  const marked = list[draft.marked]?.text;
  switch (event.key) {
    case 'Enter':
      if (event.shiftKey) return false;
      if (marked === undefined) send(place);
      else complete(place, marked);
      return true;
    case 'Tab':
      return !event.shiftKey && completed(place, marked ?? list[0]?.text);
    case 'Escape':
      return closeSomething(draft, list);
    case 'ArrowUp':
      return moved(draft, list, -1);
    case 'ArrowDown':
      return moved(draft, list, 1);
    default:
      return false;
  }
}

function completed(place: ComposerPlace, text: string | undefined): boolean {
  if (text !== undefined) complete(place, text);
  return text !== undefined;
}

function closeSomething(draft: Draft, list: readonly Completion[]): boolean {
  if (list.length === 0) return false;
  draft.isListClosed = true;
  draft.marked = -1;
  return true;
}

/** Through the list when there is one; else through what was sent before. */
function moved(draft: Draft, list: readonly Completion[], step: 1 | -1): boolean {
  if (list.length > 0 && draft.back === 0) {
    const from = draft.marked < 0 && step < 0 ? list.length : draft.marked;
    draft.marked = (from + step + list.length) % list.length;
    return true;
  }
  const before = sent.get(store.me) ?? [];
  const isHistory = draft.text === '' || draft.back > 0;
  if (!isHistory) return false;
  const back = Math.min(before.length, Math.max(0, draft.back - step));
  if (back === draft.back) return false;
  draft.back = back;
  draft.text = before.at(-back) ?? '';
  if (back === 0) draft.text = '';
  draft.isListClosed = true;
  return true;
}

function complete(place: ComposerPlace, text: string): void {
  Object.assign(draftOf(place), { text, marked: -1, isListClosed: false });
  redraw();
}

function send(place: ComposerPlace): void {
  const draft = draftOf(place);
  const text = draft.text.trim();
  if (text === '') return;
  sent.set(store.me, [...(sent.get(store.me) ?? []), text]);
  Object.assign(draft, { text: '', marked: -1, isListClosed: false, back: 0 });
  void say(text, place.threadTs);
  redraw();
}
