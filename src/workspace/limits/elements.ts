/** Which interactive elements exist, where each may stand, and what each may hold. Pure. */
import { isRecord, type JsonRecord, listAt, textAt, valueAt } from '../shared/json.ts';
import {
  BUTTON_TEXT_MAX,
  BUTTON_VALUE_MAX,
  CHOICES_MAX,
  CONFIRM_BUTTON_MAX,
  CONFIRM_TEXT_MAX,
  CONFIRM_TITLE_MAX,
  FIELD_TEXT_MAX,
  ID_MAX,
  IMAGE_ALT_MAX,
  INPUT_TEXT_MAX,
  OPTION_TEXT_MAX,
  OPTION_VALUE_MAX,
  OPTIONS_MAX,
  OVERFLOW_OPTIONS_MAX,
  PLACEHOLDER_MAX,
  URL_MAX,
} from './limits.ts';
import {
  checkCount,
  checkMaybe,
  checkNeeded,
  checkOneOf,
  checkText,
  checkTextObject,
  wrong,
} from './rules.ts';

const CHOOSING = ['radio_buttons', 'checkboxes'] as const;
const SELECTS = ['static_select', 'multi_static_select'] as const;
/** Selects whose options Slack knows itself; held to no more than the type. */
const PEOPLE_SELECTS = [
  'users_select',
  'multi_users_select',
  'conversations_select',
  'multi_conversations_select',
  'channels_select',
  'multi_channels_select',
] as const;

export const ACCESSORIES: readonly string[] = [
  'button',
  'image',
  'overflow',
  'datepicker',
  'timepicker',
  ...CHOOSING,
  ...SELECTS,
  ...PEOPLE_SELECTS,
];
export const ACTIONS: readonly string[] = [
  'button',
  'overflow',
  'datepicker',
  'timepicker',
  'datetimepicker',
  ...CHOOSING,
  ...SELECTS,
  ...PEOPLE_SELECTS,
];
export const INPUTS: readonly string[] = [
  'plain_text_input',
  'number_input',
  'email_text_input',
  'url_text_input',
  'datepicker',
  'timepicker',
  'datetimepicker',
  ...CHOOSING,
  ...SELECTS,
  ...PEOPLE_SELECTS,
];

export function checkElement(
  element: unknown,
  at: string,
  allowed: readonly string[],
): readonly string[] {
  if (!isRecord(element)) return [wrong('expected an element', at)];
  const type = textAt(element, 'type');
  if (!allowed.includes(type)) return [wrong(`unsupported type: ${type}`, `${at}/type`)];
  return [
    ...checkMaybe(element, 'action_id', at, ID_MAX),
    ...checkConfirm(element, at),
    ...(element['placeholder'] === undefined
      ? []
      : checkText(element, 'placeholder', at, { max: PLACEHOLDER_MAX, plain: true })),
    ...checkByType(element, type, at),
  ];
}

function checkByType(element: JsonRecord, type: string, at: string): readonly string[] {
  switch (type) {
    case 'button':
      return checkButton(element, at);
    case 'image':
      return checkImage(element, at);
    case 'plain_text_input':
      return checkPlainInput(element, at);
    case 'overflow':
      return checkOptions(element, at, { min: 1, max: OVERFLOW_OPTIONS_MAX });
    case 'radio_buttons':
    case 'checkboxes':
      return checkOptions(element, at, { min: 1, max: CHOICES_MAX });
    case 'static_select':
    case 'multi_static_select':
      return checkSelect(element, at);
    case 'datetimepicker':
      return checkMoment(element, at);
    default:
      return [];
  }
}

function checkButton(button: JsonRecord, at: string): readonly string[] {
  return [
    ...checkText(button, 'text', at, { max: BUTTON_TEXT_MAX, plain: true }),
    ...checkMaybe(button, 'value', at, BUTTON_VALUE_MAX),
    ...checkMaybe(button, 'url', at, URL_MAX),
    ...checkMaybe(button, 'accessibility_label', at, BUTTON_TEXT_MAX),
    ...(button['style'] === undefined
      ? []
      : checkOneOf(button['style'], `${at}/style`, ['primary', 'danger'])),
  ];
}

export function checkImage(image: JsonRecord, at: string): readonly string[] {
  const source = image['image_url'] ?? image['slack_file'];
  return [
    ...(source === undefined ? [wrong('missing required field: image_url', at)] : []),
    ...checkMaybe(image, 'image_url', at, URL_MAX),
    ...checkNeeded(image, 'alt_text', at, IMAGE_ALT_MAX),
  ];
}

function checkPlainInput(input: JsonRecord, at: string): readonly string[] {
  const max = valueAt(input, 'max_length');
  const initial = textAt(input, 'initial_value');
  const range = typeof max === 'number' && (max < 1 || max > INPUT_TEXT_MAX);
  const tooLong = typeof max === 'number' && initial.length > max;
  return [
    ...checkMaybe(input, 'initial_value', at, INPUT_TEXT_MAX),
    ...(range ? [wrong(`must be between 1 and ${INPUT_TEXT_MAX}`, `${at}/max_length`)] : []),
    ...(tooLong ? [wrong('is longer than max_length', `${at}/initial_value`)] : []),
  ];
}

function checkMoment(element: JsonRecord, at: string): readonly string[] {
  const initial = element['initial_date_time'];
  if (initial === undefined) return [];
  const valid = typeof initial === 'number' && /^\d{10}$/.test(String(initial));
  return valid ? [] : [wrong('must be a timestamp of 10 digits', `${at}/initial_date_time`)];
}

function checkSelect(element: JsonRecord, at: string): readonly string[] {
  const groups = element['option_groups'];
  if (groups === undefined) return checkOptions(element, at, { min: 1, max: OPTIONS_MAX });
  const list = listAt(element, 'option_groups');
  return [
    ...(element['options'] === undefined
      ? []
      : [wrong('options and option_groups exclude each other', at)]),
    ...checkCount(list.length, `${at}/option_groups`, { min: 1, max: OPTIONS_MAX }),
    ...list.flatMap((group, index) => {
      const here = `${at}/option_groups/${index}`;
      if (!isRecord(group)) return [wrong('expected a group of options', here)];
      return [
        ...checkText(group, 'label', here, { max: OPTION_TEXT_MAX, plain: true }),
        ...checkOptions(group, here, { min: 1, max: OPTIONS_MAX }),
      ];
    }),
  ];
}

function checkOptions(
  element: JsonRecord,
  at: string,
  range: { readonly min: number; readonly max: number },
): readonly string[] {
  const options = listAt(element, 'options');
  const initials = [element['initial_option'], ...listAt(element, 'initial_options')];
  const values = new Set(options.map((option) => textAt(option, 'value')));
  const unknown = initials.filter(
    (initial) => initial !== undefined && !values.has(textAt(initial, 'value')),
  );
  return [
    ...checkCount(options.length, `${at}/options`, range),
    ...options.flatMap((option, index) => checkOption(option, `${at}/options/${index}`)),
    ...(unknown.length > 0 ? [wrong('is not among the options', `${at}/initial_option`)] : []),
  ];
}

function checkOption(option: unknown, at: string): readonly string[] {
  if (!isRecord(option)) return [wrong('expected an option', at)];
  return [
    ...checkText(option, 'text', at, { max: OPTION_TEXT_MAX }),
    ...checkNeeded(option, 'value', at, OPTION_VALUE_MAX),
    ...(option['description'] === undefined
      ? []
      : checkTextObject(option['description'], `${at}/description`, { max: FIELD_TEXT_MAX })),
  ];
}

function checkConfirm(element: JsonRecord, at: string): readonly string[] {
  const confirm = element['confirm'];
  if (confirm === undefined) return [];
  const here = `${at}/confirm`;
  if (!isRecord(confirm)) return [wrong('expected a confirm object', here)];
  return [
    ...checkText(confirm, 'title', here, { max: CONFIRM_TITLE_MAX, plain: true }),
    ...checkText(confirm, 'text', here, { max: CONFIRM_TEXT_MAX }),
    ...checkText(confirm, 'confirm', here, { max: CONFIRM_BUTTON_MAX, plain: true }),
    ...checkText(confirm, 'deny', here, { max: CONFIRM_BUTTON_MAX, plain: true }),
  ];
}
