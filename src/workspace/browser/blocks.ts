/** Draws Block Kit: the blocks that our app uses, and an honest note in place of those that it does not. */
import { html, nothing } from 'lit';
import { repeat } from 'lit/directives/repeat.js';

import {
  asList,
  isRecord,
  type JsonRecord,
  listAt,
  recordsAt,
  textAt,
  wordsAt,
} from '../shared/json.ts';
import type { Block } from '../shared/model.ts';
import type { ClickOf } from './acts.ts';
import { controlId, element } from './elements.ts';
import { richText } from './rich-text.ts';
import { store } from './store.ts';
import { type Drawn, markdown, mrkdwn, textObject } from './words.ts';

type Owner = ClickOf['owner'];

export function blocks(list: readonly Block[], owner: Owner): Drawn {
  return html`<div class="blocks">
    ${repeat(
      list,
      (block) => textAt(block, 'block_id'),
      (block) => drawBlock(block, owner),
    )}
  </div>`;
}

function drawBlock(block: Block, owner: Owner): Drawn {
  const draw = DRAWN.get(textAt(block, 'type'));
  return draw === undefined
    ? html`<p class="unknown">A block of type “${textAt(block, 'type')}” stands here.</p>`
    : draw(block, owner);
}

type Draw = (block: Block, owner: Owner) => Drawn;

const DRAWN: ReadonlyMap<string, Draw> = new Map<string, Draw>([
  ['section', section],
  ['header', (block) => html`<h3 class="header">${wordsAt(block, 'text')}</h3>`],
  ['divider', () => html`<hr />`],
  ['context', context],
  ['actions', actions],
  ['input', input],
  ['table', table],
  ['markdown', (block) => html`<div class="text">${markdown(textAt(block, 'text'))}</div>`],
  ['rich_text', richText],
  ['image', picture],
  ['plan', plan],
  ['task_card', plan],
]);

function actions(block: Block, owner: Owner): Drawn {
  return html`<div class="actions">
    ${recordsAt(block, 'elements').map((each) => control(each, block, owner))}
  </div>`;
}

function control(own: JsonRecord, block: Block, owner: Owner): Drawn {
  return element({
    owner,
    blockId: textAt(block, 'block_id'),
    element: own,
    dispatches: true,
    label: textAt(own, 'accessibility_label') || wordsAt(own, 'placeholder'),
  });
}

function section(block: Block, owner: Owner): Drawn {
  const fields = listAt(block, 'fields');
  const { accessory } = block;
  return html`<div class="section">
    <div class="section-words">
      ${block['text'] === undefined ? nothing : html`<div class="text">${textObject(block['text'])}</div>`}
      ${
        fields.length === 0
          ? nothing
          : html`<div class="fields">
              ${fields.map((field) => html`<div class="text">${textObject(field)}</div>`)}
            </div>`
      }
    </div>
    ${isRecord(accessory) ? html`<div class="accessory">${control(accessory, block, owner)}</div>` : nothing}
  </div>`;
}

function context(block: Block): Drawn {
  return html`<div class="context">
    ${recordsAt(block, 'elements').map((each) =>
      textAt(each, 'type') === 'image'
        ? html`<img src=${textAt(each, 'image_url')} alt=${textAt(each, 'alt_text')} />`
        : html`<span class="text">${textObject(each)}</span>`,
    )}
  </div>`;
}

/** A labelled field; its error is read out with it. */
function input(block: Block, owner: Owner): Drawn {
  const blockId = textAt(block, 'block_id');
  const own = isRecord(block['element']) ? block['element'] : {};
  const error = 'view' in owner ? store.errors[blockId] : undefined;
  const id = controlId({ owner, blockId });
  const hint = wordsAt(block, 'hint');
  const isGroup = ['radio_buttons', 'checkboxes', 'multi_static_select'].includes(
    textAt(own, 'type'),
  );
  const label = wordsAt(block, 'label');
  const words = html`${label}${block['optional'] === true ? html` <small>optional</small>` : nothing}`;
  return html`<div class="field ${error === undefined ? '' : 'invalid'}" data-block=${blockId}>
    ${isGroup ? html`<span class="label">${words}</span>` : html`<label class="label" for=${id}>${words}</label>`}
    ${element({
      owner,
      blockId,
      element: own,
      describedBy: `${id}-hint ${id}-error`,
      isInvalid: error !== undefined,
      dispatches: block['dispatch_action'] === true,
      label: isGroup ? label : '',
    })}
    ${error === undefined ? nothing : html`<p class="error" id="${id}-error" role="alert">${error}</p>`}
    ${hint === '' ? nothing : html`<p class="hint" id="${id}-hint">${hint}</p>`}
  </div>`;
}

function table(block: Block): Drawn {
  const [head, ...rows] = listAt(block, 'rows').map(asList);
  const settings = listAt(block, 'column_settings');
  return html`<div class="table" tabindex="0" role="region" aria-label="Table">
    <table>
      <thead>
        <tr>
          ${(head ?? []).map((cell, index) => html`<th scope="col" class=${alignOf(settings[index])}>${cellOf(cell)}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) => html`<tr>
            ${row.map((cell, index) => html`<td class=${alignOf(settings[index])}>${cellOf(cell)}</td>`)}
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

function alignOf(setting: unknown): string {
  return textAt(setting, 'align') || 'left';
}

/** Verdicts are words; their colour only helps. */
const VERDICTS = ['PASS', 'FAIL', 'ERROR', 'SKIPPED'];

function cellOf(cell: unknown): Drawn {
  if (textAt(cell, 'type') === 'rich_text' && isRecord(cell)) return richText(cell);
  const value = isRecord(cell) ? (cell['text'] ?? cell['value'] ?? '') : '';
  const text = typeof value === 'number' ? String(value) : typeof value === 'string' ? value : '';
  return VERDICTS.includes(text)
    ? html`<span class="verdict ${text.toLowerCase()}">${text}</span>`
    : text;
}

function picture(block: Block): Drawn {
  const title = wordsAt(block, 'title');
  return html`<figure>
    ${title === '' ? nothing : html`<figcaption>${title}</figcaption>`}
    <img src=${textAt(block, 'image_url')} alt=${textAt(block, 'alt_text')} />
  </figure>`;
}

const SIGNS: Readonly<Record<string, string>> = {
  pending: '·',
  in_progress: '▸',
  complete: '✓',
  error: '✗',
};

function plan(block: Block): Drawn {
  const tasks = block['type'] === 'plan' ? recordsAt(block, 'tasks') : [block];
  return html`<div class="plan">
    ${block['type'] === 'plan' ? html`<p class="heading">${mrkdwn(textAt(block, 'title'))}</p>` : nothing}
    <ol>
      ${tasks.map((task) => {
        const status = textAt(task, 'status');
        return html`<li class=${status}>
          <span class="sign" aria-label=${status.replaceAll('_', ' ')}>${SIGNS[status] ?? '·'}</span>
          <span>${textAt(task, 'title')}</span>
          ${isRecord(task['details']) ? richText(task['details']) : nothing}
        </li>`;
      })}
    </ol>
  </div>`;
}
