/**
 * The few blocks that our messages are built of. Pure. Whatever came from outside (a table's name, an
 * error's text) is escaped and clipped here, so that no message can break or mention by accident.
 */
import type { Button, KnownBlock, SectionBlock } from '@slack/types';

import {
  BUTTON_TEXT_MAX,
  CONFIRM_TEXT_MAX,
  CONFIRM_TITLE_MAX,
  MESSAGE_TEXT_MAX,
  SECTION_TEXT_MAX,
} from '../limits.ts';

/** What is sent: the blocks, and the same as plain text for notifications and screen readers. */
export interface Message {
  readonly text: string;
  readonly blocks: readonly KnownBlock[];
}

export interface ButtonWords {
  readonly actionId: string;
  readonly text: string;
  /** Opaque: an id and a hash, never parameters. Anyone who sees the message can read it. */
  readonly value: string;
  /** For screen readers; default: `text`. */
  readonly label?: string;
  readonly style?: 'primary' | 'danger';
  readonly confirm?: { readonly title: string; readonly text: string; readonly yes: string };
}

/** Slack docs, Formatting text: these three characters and no others are escaped. */
export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

export function clip(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1).trimEnd()}…`;
}

/** `text` is mrkdwn: escape what came from outside. */
export function section(text: string): SectionBlock {
  return { type: 'section', text: { type: 'mrkdwn', text: clip(text, SECTION_TEXT_MAX) } };
}

/** One quiet line of mrkdwn. */
export function context(text: string): KnownBlock {
  return { type: 'context', elements: [{ type: 'mrkdwn', text: clip(text, SECTION_TEXT_MAX) }] };
}

export function divider(): KnownBlock {
  return { type: 'divider' };
}

export function actions(buttons: readonly ButtonWords[]): readonly KnownBlock[] {
  return buttons.length === 0 ? [] : [{ type: 'actions', elements: buttons.map(button) }];
}

function button(words: ButtonWords): Button {
  return {
    type: 'button',
    action_id: words.actionId,
    value: words.value,
    text: { type: 'plain_text', text: clip(words.text, BUTTON_TEXT_MAX) },
    accessibility_label: clip(words.label ?? words.text, BUTTON_TEXT_MAX),
    ...(words.style === undefined ? {} : { style: words.style }),
    ...(words.confirm === undefined
      ? {}
      : {
          confirm: {
            title: { type: 'plain_text', text: clip(words.confirm.title, CONFIRM_TITLE_MAX) },
            text: { type: 'plain_text', text: clip(words.confirm.text, CONFIRM_TEXT_MAX) },
            confirm: { type: 'plain_text', text: clip(words.confirm.yes, 30) },
            deny: { type: 'plain_text', text: 'Not now' },
          },
        }),
  };
}

/** Facts and warnings shown; the terminal command in the thread brings the rest. */
const FACTS_MAX = 12;
const FACT_MAX = 600;
const WARNINGS_MAX = 5;

export type Facts = readonly (readonly [label: string, value: string])[];

/** Label and value, one a line: `*Base*  20261122T010000Z`. */
export function factBlocks(facts: Facts): readonly KnownBlock[] {
  const lines = facts
    .slice(0, FACTS_MAX)
    .map(
      ([label, value]) => `*${escapeText(clip(label, 80))}*  ${escapeText(clip(value, FACT_MAX))}`,
    );
  const rest = facts.length - FACTS_MAX;
  return sections(rest > 0 ? [...lines, `and ${rest} more facts`] : lines);
}

export function warningBlocks(warnings: readonly string[]): readonly KnownBlock[] {
  return warnings
    .slice(0, WARNINGS_MAX)
    .map((warning) => section(`*Mind:* ${escapeText(clip(warning, FACT_MAX))}`));
}

/** Several lines that may be long: as many sections as they need, none cut in a line's middle. */
export function sections(lines: readonly string[]): readonly KnownBlock[] {
  const pieces: string[] = [];
  for (const line of lines) {
    const last = pieces.at(-1);
    if (last !== undefined && last.length + line.length + 1 <= SECTION_TEXT_MAX)
      pieces[pieces.length - 1] = `${last}\n${line}`;
    else pieces.push(line);
  }
  return pieces.map(section);
}

/** Room for the words before it. */
const CODE_MAX = 2600;
const WORDS_MAX = 300;

/** Code is shown whole or not at all: half of a command may still be one. `words` is mrkdwn. */
export function codeSection(words: string, code: string, elsewhere: string): SectionBlock {
  const escaped = escapeText(code.replaceAll('```', "'''"));
  const opening = clip(words, WORDS_MAX);
  return escaped.length > CODE_MAX
    ? section(`${opening}\nIt is long: ${elsewhere}`)
    : section(`${opening}\n\`\`\`\n${escaped}\n\`\`\``);
}

/** A message from its blocks; each block's id carries `version`, since Slack asks for new ids on update. */
export function message(
  text: string,
  blocks: readonly KnownBlock[],
  version: string | number = 0,
): Message {
  return {
    text: clip(text, MESSAGE_TEXT_MAX),
    blocks: blocks.map((block, index) => ({ ...block, block_id: `b${index}-${version}` })),
  };
}

/** A name that leads somewhere, if it is known where. */
export function linked(name: string, url: string | undefined): string {
  return url === undefined ? `\`${escapeText(name)}\`` : `<${url}|${escapeText(name)}>`;
}

export function mention(userId: string): string {
  return `<@${userId.replaceAll(/[^A-Z0-9]/g, '')}>`;
}

/** `a, b and c`. */
export function sentenceList(words: readonly string[], last = 'and'): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1) ?? ''}`;
}
