/**
 * What a person entered into a form or a message, in the shape Slack sends (`state.values`), and
 * whether a form may be sent at all. Pure.
 */
import { isRecord, type JsonRecord, listAt, recordsAt, textAt } from './shared/json.ts';
import type { Block, Entered, EnteredValue } from './shared/model.ts';

interface Field {
  readonly blockId: string;
  readonly actionId: string;
  readonly element: JsonRecord;
}

/** Every element that keeps a value: all but buttons and overflow menus. */
export function fieldsOf(blocks: readonly Block[]): readonly Field[] {
  return blocks.flatMap((block) =>
    elementsOf(block)
      .filter((element) => !['button', 'overflow', 'image'].includes(textAt(element, 'type')))
      .map((element) => ({
        blockId: textAt(block, 'block_id'),
        actionId: textAt(element, 'action_id'),
        element,
      })),
  );
}

export function elementsOf(block: Block): readonly JsonRecord[] {
  const type = textAt(block, 'type');
  if (type === 'actions') return recordsAt(block, 'elements');
  const single = type === 'input' ? block['element'] : block['accessory'];
  return isRecord(single) ? [single] : [];
}

/** Slack's `state.values`: every field, filled or not. */
export function stateValues(blocks: readonly Block[], entered: Entered): JsonRecord {
  const values: Record<string, Record<string, JsonRecord>> = {};
  for (const field of fieldsOf(blocks)) {
    const given = entered[field.blockId]?.[field.actionId];
    const value = given === undefined ? initialValue(field.element) : given;
    const block = values[field.blockId] ?? {};
    block[field.actionId] = {
      type: textAt(field.element, 'type'),
      ...valueShape(field.element, value),
    };
    values[field.blockId] = block;
  }
  return values;
}

/** What stands in the element before anybody touches it. */
function initialValue(element: JsonRecord): EnteredValue {
  const initials = recordsAt(element, 'initial_options').map((each) => textAt(each, 'value'));
  if (initials.length > 0) return initials;
  if (isRecord(element['initial_option'])) return textAt(element['initial_option'], 'value');
  const moment = element['initial_date_time'];
  if (typeof moment === 'number') return moment;
  for (const key of ['initial_value', 'initial_date', 'initial_time']) {
    const text = textAt(element, key);
    if (text !== '') return text;
  }
  return null;
}

/** One element's part of an action or of `state.values`. */
export function valueShape(element: JsonRecord, value: EnteredValue): JsonRecord {
  const type = textAt(element, 'type');
  if (['static_select', 'radio_buttons', 'overflow'].includes(type))
    return { selected_option: chosenOptions(element, value)[0] ?? null };
  if (['multi_static_select', 'checkboxes'].includes(type))
    return { selected_options: chosenOptions(element, value) };
  if (type === 'datetimepicker')
    return { selected_date_time: typeof value === 'number' ? value : null };
  const text = typeof value === 'string' && value !== '' ? value : null;
  if (type === 'datepicker') return { selected_date: text };
  if (type === 'timepicker') return { selected_time: text };
  return type === 'button' ? {} : { value: text };
}

export function optionsOf(element: JsonRecord): readonly JsonRecord[] {
  const grouped = listAt(element, 'option_groups').flatMap((group) => recordsAt(group, 'options'));
  return [...recordsAt(element, 'options'), ...grouped];
}

function chosenOptions(element: JsonRecord, value: EnteredValue): readonly JsonRecord[] {
  const chosen = typeof value === 'string' ? [value] : Array.isArray(value) ? value : [];
  return optionsOf(element).filter((option) => chosen.includes(textAt(option, 'value')));
}

/** Slack checks these itself, before the app hears of the form. Errors by block id. */
export function missingFields(
  blocks: readonly Block[],
  entered: Entered,
): Readonly<Record<string, string>> {
  const errors: Record<string, string> = {};
  for (const block of blocks) {
    if (textAt(block, 'type') !== 'input') continue;
    const [field] = fieldsOf([block]);
    if (field === undefined) continue;
    const given = entered[field.blockId]?.[field.actionId];
    const sentence = fieldError(field, given === undefined ? initialValue(field.element) : given);
    if (sentence === undefined || (isEmptyValue(given ?? null) && block['optional'] === true))
      continue;
    errors[field.blockId] = sentence;
  }
  return errors;
}

function fieldError({ element }: Field, value: EnteredValue): string | undefined {
  if (isEmptyValue(value)) return 'Please complete this required field.';
  if (typeof value !== 'string') return undefined;
  const [min, max] = [element['min_length'], element['max_length']];
  if (typeof min === 'number' && value.length < min)
    return `Please write at least ${min} characters.`;
  if (typeof max === 'number' && value.length > max)
    return `Please write at most ${max} characters.`;
  return undefined;
}

function isEmptyValue(value: EnteredValue): boolean {
  return value === null || value === '' || (Array.isArray(value) && value.length === 0);
}
