/** How a message names a person: a Slack user by mention, everybody else by name. Pure. */
import type { Who } from '../run-view.ts';
import { escapeText, mention, sentenceList } from './blocks.ts';

export function sayWho(who: Who): string {
  if (who.kind === 'slack') return mention(who.id);
  if (who.kind === 'terminal') return `${escapeText(who.name)} (at a terminal)`;
  return 'the schedule';
}

/** The same for plain text, where a mention would be a bare id. */
export function sayName(who: Who): string {
  return who.kind === 'schedule' ? 'the schedule' : `@${who.name}`;
}

/** Approver ids as mentions: `@ben or @cleo`; groups and names as they are. */
export function sayPeople(ids: readonly string[], last: 'or' | 'and' = 'or'): string {
  return sentenceList(
    ids.map((id) => (/^[UW][A-Z0-9]+$/.test(id) ? mention(id) : escapeText(id))),
    last,
  );
}
