/** Turns parsed text into elements. Text only ever becomes text nodes; links open http(s) and mailto alone. */
import { html, nothing, type TemplateResult } from 'lit';

import { textAt } from '../shared/json.ts';
import { parseMarkdown } from '../shared/markdown.ts';
import { formatSlackDate, wallTime } from '../shared/moments.ts';
import { type Inline, type Piece, parseInline, parseMrkdwn } from '../shared/mrkdwn.ts';
import { store, zoneOfReader } from './store.ts';

export type Drawn = TemplateResult | typeof nothing | string;

export function mrkdwn(text: string): readonly Drawn[] {
  return parseMrkdwn(text).map(pieceOf);
}

/** One line: no lists, no quotes. */
export function mrkdwnLine(text: string): readonly Drawn[] {
  return parseInline(text).map(inlineOf);
}

export function markdown(text: string): readonly Drawn[] {
  return parseMarkdown(text).map(pieceOf);
}

/** A text object of Block Kit: plain text is shown as it is. */
export function textObject(value: unknown): Drawn | readonly Drawn[] {
  const text = textAt(value, 'text');
  return textAt(value, 'type') === 'mrkdwn' ? mrkdwn(text) : text;
}

function pieceOf(piece: Piece): Drawn {
  switch (piece.kind) {
    case 'paragraph':
      return html`<p>${piece.children.map(inlineOf)}</p>`;
    case 'heading':
      return html`<p class="heading">${piece.children.map(inlineOf)}</p>`;
    case 'pre':
      return html`<pre tabindex="0">${piece.text}</pre>`;
    case 'quote':
      return html`<blockquote>${piece.children.map(pieceOf)}</blockquote>`;
    case 'list': {
      const items = piece.items.map((item) => html`<li>${item.map(inlineOf)}</li>`);
      return piece.ordered ? html`<ol>${items}</ol>` : html`<ul>${items}</ul>`;
    }
    default:
      throw new TypeError(`Unreachable piece: ${JSON.stringify(piece satisfies never)}`);
  }
}

export function inlineOf(inline: Inline): Drawn {
  return isReference(inline) ? referenceOf(inline) : styledOf(inline);
}

function styledOf(inline: Exclude<Inline, Reference>): Drawn {
  switch (inline.kind) {
    case 'text':
      return inline.text;
    case 'break':
      return html`<br />`;
    case 'bold':
      return html`<strong>${inline.children.map(inlineOf)}</strong>`;
    case 'italic':
      return html`<em>${inline.children.map(inlineOf)}</em>`;
    case 'strike':
      return html`<s>${inline.children.map(inlineOf)}</s>`;
    case 'code':
      return html`<code>${inline.text}</code>`;
    case 'link':
      return html`<a href=${inline.url} target="_blank" rel="noopener noreferrer">${inline.label}</a>`;
    default:
      throw new TypeError(`Unreachable inline: ${JSON.stringify(inline satisfies never)}`);
  }
}

type Reference = Extract<Inline, { kind: 'user' | 'channel' | 'group' | 'broadcast' | 'date' }>;

function isReference(inline: Inline): inline is Reference {
  return ['user', 'channel', 'group', 'broadcast', 'date'].includes(inline.kind);
}

function referenceOf(inline: Reference): Drawn {
  if (inline.kind === 'date') return dateOf(inline);
  if (inline.kind === 'broadcast') return html`<span class="mention me">@${inline.name}</span>`;
  const { id, label } = inline;
  if (inline.kind === 'channel') {
    const name = store.channels.find((each) => each.id === id)?.name ?? (label || id);
    return html`<span class="mention">#${name}</span>`;
  }
  const name = store.people.get(id)?.name ?? (label.replace(/^@/, '') || id);
  return html`<span class="mention ${id === store.me ? 'me' : ''}">@${name}</span>`;
}

function dateOf(inline: Extract<Inline, { kind: 'date' }>): Drawn {
  const zone = zoneOfReader();
  const shown = formatSlackDate(inline.epochSeconds, inline.format, {
    zone,
    nowSeconds: nowSeconds(),
  });
  const title = `${wallTime(inline.epochSeconds, zone).replace('T', ' ')} ${zone} (${inline.fallback})`;
  return html`<time title=${title}>${shown}</time>`;
}

/** The browser's clock, for "today" and "ago" alone. */
export function nowSeconds(): number {
  return Math.floor((performance.timeOrigin + performance.now()) / 1000);
}
