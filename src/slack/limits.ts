/**
 * Slack's limits as a linter of our own, offline. Each message and each form is held to it in unit
 * tests and again before it is sent: a payload that Slack would refuse is a bug we find first.
 */
import type { KnownBlock, ModalView } from '@slack/types';

// Slack docs, Block Kit reference, and @slack/types 3.2.0. `chat.update` is stricter than
// `chat.postMessage`: its text ends at 4,000 characters, and every message of ours may be updated.
const MESSAGE_BLOCKS_MAX = 50;
const VIEW_BLOCKS_MAX = 100;
export const MESSAGE_TEXT_MAX = 4000;
export const SECTION_TEXT_MAX = 3000;
const FIELDS_MAX = 10;
const FIELD_TEXT_MAX = 2000;
const HEADER_TEXT_MAX = 150;
const CONTEXT_ELEMENTS_MAX = 10;
const ACTION_ELEMENTS_MAX = 25;
export const BUTTON_TEXT_MAX = 75;
const BUTTON_VALUE_MAX = 2000;
export const CONFIRM_TITLE_MAX = 100;
export const CONFIRM_TEXT_MAX = 300;
const CONFIRM_BUTTON_MAX = 30;
const ID_MAX = 255;
export const OPTIONS_MAX = 100;
const RADIO_OPTIONS_MAX = 10;
export const OPTION_TEXT_MAX = 75;
const OPTION_VALUE_MAX = 150;
const VIEW_TITLE_MAX = 24;
const METADATA_MAX = 3000;
const LABEL_MAX = 2000;
export const TABLE_ROWS_MAX = 100;
const TABLE_COLUMNS_MAX = 20;

export interface LintableMessage {
  readonly text: string;
  readonly blocks: readonly KnownBlock[];
}

/** Everything Slack would refuse in this message; empty: it is fine. */
export function lintMessage(message: LintableMessage): readonly string[] {
  return [
    ...(message.text.trim() === '' ? ['text is empty: notifications and readers need it'] : []),
    ...tooLong('text', message.text, MESSAGE_TEXT_MAX),
    ...tooMany('blocks', message.blocks.length, MESSAGE_BLOCKS_MAX),
    ...tooMany('tables', message.blocks.filter((b) => b.type === 'table').length, 1),
    ...message.blocks.flatMap((block, index) => lintBlock(block, `blocks/${index}`)),
    ...repeatedIds(message.blocks),
  ];
}

/** Everything Slack would refuse in this form; empty: it is fine. */
export function lintView(view: ModalView): readonly string[] {
  const hasInput = view.blocks.some((block) => 'type' in block && block.type === 'input');
  return [
    ...tooLong('title', view.title.text, VIEW_TITLE_MAX),
    ...tooLong('submit', view.submit?.text ?? '', VIEW_TITLE_MAX),
    ...tooLong('close', view.close?.text ?? '', VIEW_TITLE_MAX),
    ...tooLong('private_metadata', view.private_metadata ?? '', METADATA_MAX),
    ...tooLong('callback_id', view.callback_id ?? '', ID_MAX),
    ...tooMany('blocks', view.blocks.length, VIEW_BLOCKS_MAX),
    ...(hasInput && view.submit === undefined ? ['submit is missing, and there are inputs'] : []),
    ...view.blocks.flatMap((block, index) =>
      isKnown(block) ? lintBlock(block, `blocks/${index}`) : [],
    ),
  ];
}

function isKnown(block: ModalView['blocks'][number]): block is KnownBlock {
  return 'type' in block;
}

function lintBlock(block: KnownBlock, at: string): readonly string[] {
  const id = tooLong(`${at}/block_id`, block.block_id ?? '', ID_MAX);
  if (block.type === 'section') return [...id, ...lintSection(block, at)];
  if (block.type === 'context') return [...id, ...lintContext(block, at)];
  if (block.type === 'actions') return [...id, ...lintActions(block, at)];
  if (block.type === 'table') return [...id, ...lintTable(block.rows, at)];
  if (block.type === 'input') return [...id, ...lintInput(block, at)];
  if (block.type === 'header')
    return [...id, ...tooLong(`${at}/text`, block.text.text, HEADER_TEXT_MAX)];
  return block.type === 'divider' ? id : [...id, `${at} is a ${block.type}, which we do not use`];
}

function lintInput(block: Extract<KnownBlock, { type: 'input' }>, at: string): readonly string[] {
  return [
    ...tooLong(`${at}/label`, block.label.text, LABEL_MAX),
    ...tooLong(`${at}/hint`, block.hint?.text ?? '', LABEL_MAX),
    ...lintElement(block.element, `${at}/element`),
  ];
}

function lintContext(
  block: Extract<KnownBlock, { type: 'context' }>,
  at: string,
): readonly string[] {
  return [
    ...tooMany(`${at}/elements`, block.elements.length, CONTEXT_ELEMENTS_MAX),
    ...block.elements.flatMap((element, index) =>
      'text' in element ? lintText(`${at}/elements/${index}`, element.text) : [],
    ),
  ];
}

function lintActions(
  block: Extract<KnownBlock, { type: 'actions' }>,
  at: string,
): readonly string[] {
  return [
    ...(block.elements.length === 0 ? [`${at}/elements is empty`] : []),
    ...tooMany(`${at}/elements`, block.elements.length, ACTION_ELEMENTS_MAX),
    ...block.elements.flatMap((element, i) => lintElement(element, `${at}/elements/${i}`)),
  ];
}

function lintSection(
  block: Extract<KnownBlock, { type: 'section' }>,
  at: string,
): readonly string[] {
  const fields = block.fields ?? [];
  return [
    ...(block.text === undefined && fields.length === 0 ? [`${at} says nothing`] : []),
    ...(block.text === undefined ? [] : lintText(`${at}/text`, block.text.text)),
    ...tooMany(`${at}/fields`, fields.length, FIELDS_MAX),
    ...fields.flatMap((field, i) => tooLong(`${at}/fields/${i}`, field.text, FIELD_TEXT_MAX)),
    ...(block.accessory === undefined ? [] : lintElement(block.accessory, `${at}/accessory`)),
  ];
}

function lintElement(element: object, at: string): readonly string[] {
  const found: string[] = [];
  if ('action_id' in element) found.push(...tooLong(`${at}/action_id`, element.action_id, ID_MAX));
  if ('value' in element) found.push(...tooLong(`${at}/value`, element.value, BUTTON_VALUE_MAX));
  if ('type' in element && element.type === 'button') found.push(...lintButton(element, at));
  if ('confirm' in element) found.push(...lintConfirm(element.confirm, `${at}/confirm`));
  if ('options' in element && Array.isArray(element.options))
    found.push(...lintOptions(element.options, at, 'type' in element ? element.type : ''));
  return found;
}

function lintButton(element: object, at: string): readonly string[] {
  const label = 'accessibility_label' in element ? element.accessibility_label : '';
  return [
    ...(label === '' ? [`${at} has no accessibility_label`] : []),
    ...tooLong(`${at}/accessibility_label`, label, BUTTON_TEXT_MAX),
    ...tooLong(`${at}/text`, textOf(element, 'text'), BUTTON_TEXT_MAX),
  ];
}

function lintConfirm(confirm: unknown, at: string): readonly string[] {
  if (typeof confirm !== 'object' || confirm === null) return [];
  return [
    ...tooLong(`${at}/title`, textOf(confirm, 'title'), CONFIRM_TITLE_MAX),
    ...tooLong(`${at}/text`, textOf(confirm, 'text'), CONFIRM_TEXT_MAX),
    ...tooLong(`${at}/confirm`, textOf(confirm, 'confirm'), CONFIRM_BUTTON_MAX),
    ...tooLong(`${at}/deny`, textOf(confirm, 'deny'), CONFIRM_BUTTON_MAX),
  ];
}

function lintOptions(options: readonly unknown[], at: string, type: unknown): readonly string[] {
  const max = type === 'radio_buttons' || type === 'checkboxes' ? RADIO_OPTIONS_MAX : OPTIONS_MAX;
  return [
    ...(options.length === 0 ? [`${at}/options is empty`] : []),
    ...tooMany(`${at}/options`, options.length, max),
    ...options.flatMap((option, index) => {
      if (typeof option !== 'object' || option === null) return [];
      const value = 'value' in option ? option.value : '';
      return [
        ...tooLong(`${at}/options/${index}/text`, textOf(option, 'text'), OPTION_TEXT_MAX),
        ...tooLong(`${at}/options/${index}/value`, value, OPTION_VALUE_MAX),
      ];
    }),
  ];
}

function lintTable(rows: readonly (readonly unknown[])[], at: string): readonly string[] {
  const width = rows[0]?.length ?? 0;
  return [
    ...tooMany(`${at}/rows`, rows.length, TABLE_ROWS_MAX),
    ...tooMany(`${at}/columns`, width, TABLE_COLUMNS_MAX),
    ...(rows.some((row) => row.length !== width) ? [`${at}/rows are not of one length`] : []),
    ...(rows.some((row) => row.some(isEmptyCell)) ? [`${at} has an empty cell`] : []),
  ];
}

function isEmptyCell(cell: unknown): boolean {
  return typeof cell === 'object' && cell !== null && 'text' in cell && cell.text === '';
}

function textOf(holder: object, key: string): unknown {
  const inner: unknown = Object.entries(holder).find(([name]) => name === key)?.[1];
  return typeof inner === 'object' && inner !== null && 'text' in inner ? inner.text : '';
}

function lintText(at: string, text: string): readonly string[] {
  return [...(text === '' ? [`${at} is empty`] : []), ...tooLong(at, text, SECTION_TEXT_MAX)];
}

function repeatedIds(blocks: readonly KnownBlock[]): readonly string[] {
  const ids = blocks.flatMap((block) => (block.block_id === undefined ? [] : [block.block_id]));
  return ids.length === new Set(ids).size ? [] : ['two blocks have the same block_id'];
}

function tooLong(at: string, text: unknown, max: number): readonly string[] {
  return typeof text === 'string' && text.length > max
    ? [`${at} has ${text.length} characters, at most ${max} are allowed`]
    : [];
}

function tooMany(at: string, count: number, max: number): readonly string[] {
  return count > max ? [`${at} has ${count} items, at most ${max} are allowed`] : [];
}
