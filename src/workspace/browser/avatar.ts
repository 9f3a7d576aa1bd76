/** People as small pictures: initials on a colour that is always the same for the same person. */
import { html } from 'lit';

import type { Person } from '../shared/model.ts';
import type { Drawn } from './words.ts';

const TINTS = 6;

export function avatar(person: Person | undefined): Drawn {
  const name = person?.realName ?? '?';
  const kind = person?.isBot === true ? 'bot' : `tint-${tintOf(person?.id ?? '')}`;
  return html`<span class="avatar ${kind}" aria-hidden="true">${initials(name, person)}</span>`;
}

function initials(name: string, person: Person | undefined): string {
  if (person?.isBot === true) return name.slice(0, 2).toLowerCase();
  return name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => word.slice(0, 1).toUpperCase())
    .join('');
}

function tintOf(id: string): number {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
  return sum % TINTS;
}
