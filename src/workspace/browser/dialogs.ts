/** Forms and questions, as dialogs of the browser: it keeps the focus inside and gives it back. */
import { html, nothing } from 'lit';
import { keyed } from 'lit/directives/keyed.js';
import { ref } from 'lit/directives/ref.js';

import { recordsAt, wordsAt } from '../shared/json.ts';
import type { View } from '../shared/model.ts';
import { closeForm, submit } from './acts.ts';
import { blocks } from './blocks.ts';
import { type Question, redraw, store } from './store.ts';
import type { Drawn } from './words.ts';

export function form(): Drawn {
  const view = store.views.at(-1);
  return view === undefined ? nothing : html`${keyed(view.id, formDialog(view))}`;
}

function formDialog(view: View): Drawn {
  const { content } = view;
  const isBusy = store.busy.has(view.id);
  const submitWords = wordsAt(content, 'submit');
  const trouble = store.troubles.get(view.id);
  return html`<dialog
    class="form"
    aria-labelledby="form-title"
    ${ref(showModal)}
    @cancel=${(event: Event) => {
      event.preventDefault();
      void closeForm(view);
    }}
  >
    <form
      novalidate
      @submit=${(event: Event) => {
        event.preventDefault();
        void submit(view).then(focusFirstError);
      }}
    >
      <header>
        <h2 id="form-title">${wordsAt(content, 'title')}</h2>
        <button type="button" class="close" aria-label="Close" @click=${() => void closeForm(view)}>×</button>
      </header>
      <div class="form-body">
        ${trouble === undefined ? nothing : html`<p class="trouble" role="alert">${trouble}</p>`}
        ${blocks(recordsAt(content, 'blocks'), { view })}
      </div>
      <footer>
        <button type="button" class="button" @click=${() => void closeForm(view)}>
          ${wordsAt(content, 'close') || 'Close'}
        </button>
        ${
          submitWords === ''
            ? nothing
            : html`<button type="submit" class="button primary" ?disabled=${isBusy}>${submitWords}</button>`
        }
      </footer>
    </form>
  </dialog>`;
}

export function question(): Drawn {
  const own = store.question;
  if (own === undefined) return nothing;
  return html`<dialog
    class="question"
    role="alertdialog"
    aria-labelledby="question-title"
    aria-describedby="question-text"
    ${ref(showModal)}
    @cancel=${(event: Event) => {
      event.preventDefault();
      answer(undefined);
    }}
  >
    <h2 id="question-title">${own.title}</h2>
    <p id="question-text">${own.text}</p>
    <footer>
      <button type="button" class="button" autofocus @click=${() => answer(undefined)}>${own.no}</button>
      <button
        type="button"
        class="button ${own.isDangerous ? 'danger' : 'primary'}"
        @click=${() => answer(own)}
      >
        ${own.yes}
      </button>
    </footer>
  </dialog>`;
}

function answer(confirmed: Question | undefined): void {
  store.question = undefined;
  redraw();
  confirmed?.proceed();
}

/** A person who cannot see the field hears it. */
function focusFirstError(): void {
  document.querySelector<HTMLElement>('.field.invalid :is(input, textarea, select)')?.focus();
}

/** A dialog must be in the page before it can be shown. */
function showModal(own: Element | undefined): void {
  if (!(own instanceof HTMLDialogElement) || own.open) return;
  queueMicrotask(() => {
    if (own.isConnected && !own.open) own.showModal();
    own.querySelector<HTMLElement>('.field input, .field textarea, .field select')?.focus();
  });
}
