/** Draws a `rich_text` block: sections, lists, code and quotes with their styles. */
import { html, nothing } from 'lit';

import { flagAt, type JsonRecord, numberAt, recordAt, recordsAt, textAt } from '../shared/json.ts';
import type { Block } from '../shared/model.ts';
import { type Drawn, inlineOf } from './words.ts';

export function richText(block: Block): Drawn {
  return html`<div class="text">${recordsAt(block, 'elements').map(part)}</div>`;
}

function part(own: JsonRecord): Drawn {
  const children = recordsAt(own, 'elements');
  switch (textAt(own, 'type')) {
    case 'rich_text_list': {
      const items = children.map((item) => html`<li>${recordsAt(item, 'elements').map(run)}</li>`);
      return textAt(own, 'style') === 'ordered' ? html`<ol>${items}</ol>` : html`<ul>${items}</ul>`;
    }
    case 'rich_text_preformatted':
      return html`<pre tabindex="0">${children.map((each) => textAt(each, 'text'))}</pre>`;
    case 'rich_text_quote':
      return html`<blockquote>${children.map(run)}</blockquote>`;
    default:
      return html`<p>${children.map(run)}</p>`;
  }
}

function run(own: JsonRecord): Drawn {
  switch (textAt(own, 'type')) {
    case 'link':
      return inlineOf({
        kind: 'link',
        url: textAt(own, 'url'),
        label: textAt(own, 'text') || textAt(own, 'url'),
      });
    case 'user':
      return inlineOf({ kind: 'user', id: textAt(own, 'user_id'), label: '' });
    case 'channel':
      return inlineOf({ kind: 'channel', id: textAt(own, 'channel_id'), label: '' });
    case 'date':
      return inlineOf({
        kind: 'date',
        epochSeconds: numberAt(own, 'timestamp') ?? 0,
        format: textAt(own, 'format'),
        fallback: textAt(own, 'fallback'),
      });
    case 'text':
      return styled(own);
    default:
      return nothing;
  }
}

function styled(own: JsonRecord): Drawn {
  const style = recordAt(own, 'style');
  let drawn: Drawn = textAt(own, 'text');
  if (flagAt(style, 'code')) drawn = html`<code>${drawn}</code>`;
  if (flagAt(style, 'bold')) drawn = html`<strong>${drawn}</strong>`;
  if (flagAt(style, 'italic')) drawn = html`<em>${drawn}</em>`;
  if (flagAt(style, 'strike')) drawn = html`<s>${drawn}</s>`;
  return drawn;
}
