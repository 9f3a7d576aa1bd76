/**
 * Says what Slack would refuse in a list of blocks, in Slack's own words and with JSON pointers.
 * Pure. Block types that we know but do not use are let through unread, as Slack would.
 */
import { isRecord, type JsonRecord, listAt, textAt } from '../shared/json.ts';
import { ACCESSORIES, ACTIONS, checkElement, checkImage, INPUTS } from './elements.ts';
import {
  ACTIONS_ELEMENTS_MAX,
  CONTEXT_ELEMENTS_MAX,
  FIELD_TEXT_MAX,
  FIELDS_MAX,
  HEADER_TEXT_MAX,
  ID_MAX,
  LABEL_MAX,
  MARKDOWN_MAX,
  MESSAGE_BLOCKS_MAX,
  TABLE_COLUMNS_MAX,
  TABLE_ROWS_MAX,
  TEXT_MAX,
  VIEW_BLOCKS_MAX,
} from './limits.ts';
import {
  checkCount,
  checkMaybe,
  checkNeeded,
  checkOneOf,
  checkText,
  checkTextObject,
  checkUnique,
  wrong,
} from './rules.ts';

export type Surface = 'message' | 'modal';

/** Only where a message is shown. */
const MESSAGES_ONLY: readonly string[] = ['markdown', 'table', 'plan', 'task_card', 'data_table'];
const UNREAD: readonly string[] = [
  'alert',
  'card',
  'carousel',
  'container',
  'context_actions',
  'data_table',
  'data_visualization',
  'file',
  'video',
];

/** Empty when Slack would take them. `at` is the pointer of the list: `/blocks`, `/view/blocks`. */
export function checkBlocks(blocks: unknown, surface: Surface, at = '/blocks'): readonly string[] {
  if (!Array.isArray(blocks)) return [wrong('expected a list of blocks', at)];
  const list: readonly unknown[] = blocks;
  const max = surface === 'message' ? MESSAGE_BLOCKS_MAX : VIEW_BLOCKS_MAX;
  const ids = list.flatMap((block, index) => {
    const id = textAt(block, 'block_id');
    return id === '' ? [] : [{ id, at: `${at}/${index}/block_id` }];
  });
  return [
    ...checkCount(list.length, at, { min: 0, max }),
    ...list.flatMap((block, index) => checkBlock(block, `${at}/${index}`, surface)),
    ...checkUnique(ids, 'block_id'),
    ...checkMessageWide(list, at),
  ];
}

function checkMessageWide(blocks: readonly unknown[], at: string): readonly string[] {
  const markdown = blocks
    .filter((block) => textAt(block, 'type') === 'markdown')
    .reduce((sum: number, block) => sum + textAt(block, 'text').length, 0);
  const tables = blocks.filter((block) => textAt(block, 'type') === 'table').length;
  return [
    ...(markdown > MARKDOWN_MAX
      ? [wrong(`markdown blocks must be less than ${MARKDOWN_MAX + 1} characters in all`, at)]
      : []),
    ...(tables > 1 ? [wrong('only_one_table_allowed', at)] : []),
  ];
}

function checkBlock(block: unknown, at: string, surface: Surface): readonly string[] {
  if (!isRecord(block)) return [wrong('expected a block', at)];
  const type = textAt(block, 'type');
  const check = CHECKS.get(type);
  const misplaced = surface === 'modal' && MESSAGES_ONLY.includes(type);
  if ((check === undefined && !UNREAD.includes(type)) || misplaced)
    return [wrong(`unsupported type: ${type}`, `${at}/type`)];
  return [
    ...checkMaybe(block, 'block_id', at, ID_MAX),
    ...(check?.(block, at) ?? []),
    ...checkActionIds(block, at),
  ];
}

type Check = (block: JsonRecord, at: string) => readonly string[];

const CHECKS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['section', checkSection],
  ['header', (block, at) => checkText(block, 'text', at, { max: HEADER_TEXT_MAX, plain: true })],
  ['divider', () => []],
  ['context', checkContext],
  ['actions', checkActions],
  ['input', checkInput],
  ['image', checkImage],
  ['markdown', (block, at) => checkNeeded(block, 'text', at, MARKDOWN_MAX)],
  ['table', checkTable],
  ['rich_text', checkRichText],
  ['plan', checkPlan],
  ['task_card', checkTask],
]);

function checkSection(block: JsonRecord, at: string): readonly string[] {
  const fields = listAt(block, 'fields');
  const empty = block['text'] === undefined && block['fields'] === undefined;
  return [
    ...(empty ? [wrong('missing required field: text or fields', at)] : []),
    ...checkText(block, 'text', at, { max: TEXT_MAX, optional: true }),
    ...(block['fields'] === undefined
      ? []
      : checkCount(fields.length, `${at}/fields`, { min: 1, max: FIELDS_MAX })),
    ...fields.flatMap((field, index) =>
      checkTextObject(field, `${at}/fields/${index}`, { max: FIELD_TEXT_MAX }),
    ),
    ...(block['accessory'] === undefined
      ? []
      : checkElement(block['accessory'], `${at}/accessory`, ACCESSORIES)),
  ];
}

function checkContext(block: JsonRecord, at: string): readonly string[] {
  const elements = listAt(block, 'elements');
  return [
    ...checkCount(elements.length, `${at}/elements`, { min: 1, max: CONTEXT_ELEMENTS_MAX }),
    ...elements.flatMap((element, index) => {
      const here = `${at}/elements/${index}`;
      if (isRecord(element) && element['type'] === 'image') return checkImage(element, here);
      return checkTextObject(element, here, { max: TEXT_MAX });
    }),
  ];
}

function checkActions(block: JsonRecord, at: string): readonly string[] {
  const elements = listAt(block, 'elements');
  return [
    ...checkCount(elements.length, `${at}/elements`, { min: 1, max: ACTIONS_ELEMENTS_MAX }),
    ...elements.flatMap((element, index) =>
      checkElement(element, `${at}/elements/${index}`, ACTIONS),
    ),
  ];
}

function checkInput(block: JsonRecord, at: string): readonly string[] {
  return [
    ...checkText(block, 'label', at, { max: LABEL_MAX, plain: true }),
    ...checkText(block, 'hint', at, { max: LABEL_MAX, plain: true, optional: true }),
    ...checkElement(block['element'], `${at}/element`, INPUTS),
  ];
}

const CELLS = ['raw_text', 'raw_number', 'rich_text'] as const;

function checkTable(block: JsonRecord, at: string): readonly string[] {
  const rows = listAt(block, 'rows');
  const widths = new Set(rows.map((row) => (Array.isArray(row) ? row.length : -1)));
  const columns = { min: 1, max: TABLE_COLUMNS_MAX };
  return [
    ...checkCount(rows.length, `${at}/rows`, { min: 1, max: TABLE_ROWS_MAX }),
    ...(widths.size > 1 ? [wrong('rows must have the same number of cells', `${at}/rows`)] : []),
    ...[...widths].flatMap((width) => checkCount(width, `${at}/rows/0`, columns)),
    ...rows.flatMap((row, r) =>
      (Array.isArray(row) ? row : []).flatMap((cell: unknown, c: number) =>
        checkCell(cell, `${at}/rows/${r}/${c}`),
      ),
    ),
  ];
}

function checkCell(cell: unknown, at: string): readonly string[] {
  const type = textAt(cell, 'type');
  if (!isRecord(cell)) return [wrong('expected a cell', at)];
  if (type === 'raw_text' && textAt(cell, 'text') === '')
    return [wrong('must be more than 0 characters', `${at}/text`)];
  return checkOneOf(type, `${at}/type`, CELLS);
}

const RICH = [
  'rich_text_section',
  'rich_text_list',
  'rich_text_preformatted',
  'rich_text_quote',
] as const;

function checkRichText(block: JsonRecord, at: string): readonly string[] {
  return listAt(block, 'elements').flatMap((element, index) =>
    checkOneOf(textAt(element, 'type'), `${at}/elements/${index}/type`, RICH),
  );
}

const STATUSES = ['pending', 'in_progress', 'complete', 'error'] as const;

function checkPlan(block: JsonRecord, at: string): readonly string[] {
  return [
    ...checkNeeded(block, 'title', at, TEXT_MAX),
    ...listAt(block, 'tasks').flatMap((task, index) => checkTask(task, `${at}/tasks/${index}`)),
  ];
}

function checkTask(task: unknown, at: string): readonly string[] {
  if (!isRecord(task)) return [wrong('expected a task card', at)];
  return [
    ...checkNeeded(task, 'task_id', at, ID_MAX),
    ...checkNeeded(task, 'title', at, TEXT_MAX),
    ...checkOneOf(task['status'], `${at}/status`, STATUSES),
  ];
}

/** Unique within their block. */
function checkActionIds(block: JsonRecord, at: string): readonly string[] {
  const ids = listAt(block, 'elements').flatMap((element, index) => {
    const id = textAt(element, 'action_id');
    return id === '' ? [] : [{ id, at: `${at}/elements/${index}/action_id` }];
  });
  return checkUnique(ids, 'action_id');
}
