/**
 * Slack's limits, as numbers. Sources: docs.slack.dev, reference pages of blocks, elements and
 * methods, and the comments of @slack/types 3.2.0. Pure.
 */

export const MESSAGE_BLOCKS_MAX = 50;
export const VIEW_BLOCKS_MAX = 100;
export const VIEW_BYTES_MAX = 250_000;
export const VIEW_STACK_MAX = 3;
export const VIEW_TITLE_MAX = 24;
export const PRIVATE_METADATA_MAX = 3000;
export const ID_MAX = 255;

/** Longer text is cut, not refused. */
export const POST_TEXT_MAX = 40_000;
/** chat.update refuses what chat.postMessage would cut. */
export const UPDATE_TEXT_MAX = 4000;

export const TEXT_MAX = 3000;
export const FIELDS_MAX = 10;
export const FIELD_TEXT_MAX = 2000;
export const HEADER_TEXT_MAX = 150;
export const CONTEXT_ELEMENTS_MAX = 10;
export const ACTIONS_ELEMENTS_MAX = 25;
export const BUTTON_TEXT_MAX = 75;
export const BUTTON_VALUE_MAX = 2000;
export const URL_MAX = 3000;
export const CONFIRM_TITLE_MAX = 100;
export const CONFIRM_TEXT_MAX = 300;
export const CONFIRM_BUTTON_MAX = 30;
export const OPTIONS_MAX = 100;
export const CHOICES_MAX = 10;
export const OVERFLOW_OPTIONS_MAX = 5;
export const OPTION_TEXT_MAX = 75;
export const OPTION_VALUE_MAX = 150;
export const PLACEHOLDER_MAX = 150;
export const INPUT_TEXT_MAX = 3000;
export const LABEL_MAX = 2000;
export const IMAGE_ALT_MAX = 2000;
/** All markdown blocks of a message together. */
export const MARKDOWN_MAX = 12_000;
export const TABLE_ROWS_MAX = 100;
export const TABLE_COLUMNS_MAX = 20;

/** Both handles of an interaction: how long, and how often. */
export const TRIGGER_LIFE_MS = 3000;
export const RESPONSE_LIFE_MS = 30 * 60_000;
export const RESPONSE_USES_MAX = 5;
/** How long the app has to acknowledge what a person did. */
export const ACK_LIMIT_MS = 3000;
