/** Interactive elements of Block Kit: in messages a choice is sent at once, in inputs it is kept for the form. */
import { html, nothing } from 'lit';

import { isRecord, type JsonRecord, listAt, recordsAt, textAt, wordsAt } from '../shared/json.ts';
import type { EnteredValue } from '../shared/model.ts';
import { epochOfWallTime, wallTime } from '../shared/moments.ts';
import { type ClickOf, click, ownerKey } from './acts.ts';
import { enter, enteredIn, redraw, store, zoneOfReader } from './store.ts';
import { type Drawn, textObject } from './words.ts';

export interface Placed {
  readonly owner: ClickOf['owner'];
  readonly blockId: string;
  readonly element: JsonRecord;
  /** For inputs: the ids that describe the field. */
  readonly describedBy?: string;
  readonly isInvalid?: boolean;
  /** A choice is told to the app at once. */
  readonly dispatches: boolean;
  /** Names the field where no label stands beside it. */
  readonly label: string;
}

export function element(placed: Placed): Drawn {
  switch (textAt(placed.element, 'type')) {
    case 'button':
      return button(placed);
    case 'static_select':
      return select(placed);
    case 'overflow':
      return select(placed);
    case 'radio_buttons':
      return choices(placed, 'radio');
    case 'checkboxes':
    case 'multi_static_select':
      return choices(placed, 'checkbox');
    case 'datetimepicker':
      return moment(placed);
    case 'image':
      return html`<img
        class="thumbnail"
        src=${textAt(placed.element, 'image_url')}
        alt=${textAt(placed.element, 'alt_text')}
      />`;
    default:
      return textInput(placed);
  }
}

/** The id of the control, for labels. */
export function controlId({ owner, blockId }: Pick<Placed, 'owner' | 'blockId'>): string {
  return `field-${ownerKey(owner)}-${blockId}`.replaceAll(/[^A-Za-z0-9-]/g, '_');
}

function button(placed: Placed): Drawn {
  const { owner, blockId, element: own } = placed;
  const actionId = textAt(own, 'action_id');
  const isBusy = store.busy.has(`${ownerKey(owner)} ${blockId} ${actionId}`);
  const spoken = textAt(own, 'accessibility_label');
  const url = textAt(own, 'url');
  return html`<button
    type="button"
    class="button ${textAt(own, 'style')}"
    data-action=${actionId}
    aria-label=${spoken || nothing}
    aria-busy=${isBusy ? 'true' : nothing}
    ?disabled=${isBusy}
    @click=${() => {
      if (url !== '') window.open(url, '_blank', 'noopener');
      askThen(own, () => void click({ owner, blockId, actionId, value: null }));
    }}
  >
    ${wordsAt(own, 'text')}
  </button>`;
}

/** With a confirm object, the person is asked first. */
function askThen(own: JsonRecord, then: () => void): void {
  const { confirm } = own;
  if (!isRecord(confirm)) {
    then();
    return;
  }
  store.question = {
    title: wordsAt(confirm, 'title'),
    text: wordsAt(confirm, 'text'),
    yes: wordsAt(confirm, 'confirm') || 'Yes',
    no: wordsAt(confirm, 'deny') || 'Cancel',
    isDangerous: textAt(confirm, 'style') === 'danger' || textAt(own, 'style') === 'danger',
    proceed: then,
  };
  redraw();
}

/** The value as entered, or as the element was sent. */
function current(placed: Placed, initial: EnteredValue): EnteredValue {
  const actionId = textAt(placed.element, 'action_id');
  const given = enteredIn(ownerKey(placed.owner))[placed.blockId]?.[actionId];
  return given === undefined ? initial : given;
}

function keep(placed: Placed, value: EnteredValue): void {
  const { owner, blockId, element: own, dispatches } = placed;
  const actionId = textAt(own, 'action_id');
  enter(ownerKey(owner), blockId, actionId, value);
  if (dispatches) askThen(own, () => void click({ owner, blockId, actionId, value }));
}

function select(placed: Placed): Drawn {
  const { element: own } = placed;
  const chosen = current(placed, textAt(own['initial_option'], 'value'));
  const words = wordsAt(own, 'placeholder') || (own['type'] === 'overflow' ? 'More' : 'Choose');
  const groups = listAt(own, 'option_groups');
  return html`<select
    id=${controlId(placed)}
    aria-label=${placed.label || nothing}
    aria-describedby=${placed.describedBy ?? nothing}
    aria-invalid=${placed.isInvalid === true ? 'true' : nothing}
    @change=${(event: Event) => keep(placed, valueOf(event))}
  >
    <option value="" ?selected=${chosen === '' || chosen === null} disabled>${words}</option>
    ${
      groups.length === 0
        ? options(own, chosen)
        : groups.map(
            (group) =>
              html`<optgroup label=${wordsAt(group, 'label')}>${options(group, chosen)}</optgroup>`,
          )
    }
  </select>`;
}

function options(holder: unknown, chosen: EnteredValue): readonly Drawn[] {
  return recordsAt(holder, 'options').map((option) => {
    const value = textAt(option, 'value');
    return html`<option value=${value} ?selected=${value === chosen}>
      ${wordsAt(option, 'text')}
    </option>`;
  });
}

function choices(placed: Placed, type: 'radio' | 'checkbox'): Drawn {
  const { element: own } = placed;
  const name = controlId(placed);
  const initial =
    type === 'radio'
      ? textAt(own['initial_option'], 'value')
      : recordsAt(own, 'initial_options').map((option) => textAt(option, 'value'));
  const chosen = current(placed, initial);
  const grouped = listAt(own, 'option_groups').flatMap((group) => recordsAt(group, 'options'));
  return html`<div
    class="choices"
    role=${type === 'radio' ? 'radiogroup' : 'group'}
    aria-label=${placed.label || nothing}
    aria-describedby=${placed.describedBy ?? nothing}
    aria-invalid=${placed.isInvalid === true ? 'true' : nothing}
  >
    ${[...recordsAt(own, 'options'), ...grouped].map((option, index) => {
      const value = textAt(option, 'value');
      return html`<label class="choice">
        <input
          id=${index === 0 ? name : nothing}
          type=${type}
          name=${name}
          value=${value}
          .checked=${isChosen(chosen, value)}
          @change=${(event: Event) => keep(placed, type === 'radio' ? value : checkedIn(event))}
        />
        <span>
          ${textObject(option['text'])}
          ${
            option['description'] === undefined
              ? nothing
              : html`<small>${textObject(option['description'])}</small>`
          }
        </span>
      </label>`;
    })}
  </div>`;
}

function isChosen(chosen: EnteredValue, value: string): boolean {
  return Array.isArray(chosen) ? chosen.includes(value) : chosen === value;
}

/** All that is ticked in the same group. */
function checkedIn(event: Event): readonly string[] {
  if (!(event.target instanceof HTMLInputElement)) return [];
  const group = event.target.closest('.choices');
  const ticked = group?.querySelectorAll<HTMLInputElement>('input:checked') ?? [];
  return [...ticked].map(({ value }) => value);
}

function moment(placed: Placed): Drawn {
  const zone = zoneOfReader();
  const initial = placed.element['initial_date_time'];
  const chosen = current(placed, typeof initial === 'number' ? initial : null);
  return html`<span class="moment">
    <input
      id=${controlId(placed)}
      type="datetime-local"
      step="1"
      aria-label=${placed.label || nothing}
      aria-describedby=${placed.describedBy ?? nothing}
      aria-invalid=${placed.isInvalid === true ? 'true' : nothing}
      .value=${typeof chosen === 'number' ? wallTime(chosen, zone) : ''}
      @change=${(event: Event) => keep(placed, epochOfWallTime(valueOf(event), zone) ?? null)}
    />
    <span class="zone">${zone.replaceAll('_', ' ')}</span>
  </span>`;
}

function textInput(placed: Placed): Drawn {
  const { element: own } = placed;
  const value = current(placed, textAt(own, 'initial_value')) ?? '';
  const max = own['max_length'];
  const attributes = {
    id: controlId(placed),
    placeholder: wordsAt(own, 'placeholder') || nothing,
    maxlength: typeof max === 'number' ? max : nothing,
    described: placed.describedBy ?? nothing,
    invalid: placed.isInvalid === true ? 'true' : nothing,
  };
  if (own['multiline'] === true)
    return html`<textarea
      id=${attributes.id}
      rows="3"
      placeholder=${attributes.placeholder}
      maxlength=${attributes.maxlength}
      aria-label=${placed.label || nothing}
      aria-describedby=${attributes.described}
      aria-invalid=${attributes.invalid}
      .value=${String(value)}
      @input=${(event: Event) => keepTyped(placed, event)}
    ></textarea>`;
  return html`<input
    id=${attributes.id}
    type=${inputType(textAt(own, 'type'))}
    autocomplete="off"
    placeholder=${attributes.placeholder}
    maxlength=${attributes.maxlength}
    aria-label=${placed.label || nothing}
    aria-describedby=${attributes.described}
    aria-invalid=${attributes.invalid}
    .value=${String(value)}
    @input=${(event: Event) => keepTyped(placed, event)}
  />`;
}

/** Each letter is kept; none is told to the app. */
function keepTyped(placed: Placed, event: Event): void {
  keep({ ...placed, dispatches: false }, valueOf(event));
}

function inputType(type: string): string {
  const types: Readonly<Record<string, string>> = {
    number_input: 'number',
    email_text_input: 'email',
    url_text_input: 'url',
    datepicker: 'date',
    timepicker: 'time',
  };
  return types[type] ?? 'text';
}

function valueOf(event: Event): string {
  const { target } = event;
  return target instanceof HTMLInputElement ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement
    ? target.value
    : '';
}
