/** Says what Slack would refuse in a modal. Pure. */
import { asList, isRecord, type JsonRecord, textAt } from '../shared/json.ts';
import { checkBlocks } from './blocks.ts';
import { ID_MAX, PRIVATE_METADATA_MAX, VIEW_BYTES_MAX, VIEW_TITLE_MAX } from './limits.ts';
import { checkMaybe, checkText, wrong } from './rules.ts';

export type ViewCheck =
  | { readonly outcome: 'good'; readonly view: JsonRecord }
  | { readonly outcome: 'bad'; readonly error: string; readonly messages: readonly string[] };

export function checkView(view: unknown): ViewCheck {
  if (!isRecord(view))
    return {
      outcome: 'bad',
      error: 'invalid_arguments',
      messages: [wrong('expected a view', '/view')],
    };
  // Slack docs, views.open: the whole view, as it is sent, may have 250 kB.
  if (JSON.stringify(view).length > VIEW_BYTES_MAX)
    return { outcome: 'bad', error: 'view_too_large', messages: [] };
  const messages = viewMessages(view);
  if (messages.length > 0) return { outcome: 'bad', error: 'invalid_arguments', messages };
  return { outcome: 'good', view };
}

function viewMessages(view: JsonRecord): readonly string[] {
  const short = { max: VIEW_TITLE_MAX, plain: true };
  const hasInput = asList(view['blocks']).some((block) => textAt(block, 'type') === 'input');
  return [
    ...(view['type'] === 'modal' ? [] : [wrong('must be modal', '/view/type')]),
    ...checkText(view, 'title', '/view', short),
    ...checkText(view, 'submit', '/view', { ...short, optional: true }),
    ...checkText(view, 'close', '/view', { ...short, optional: true }),
    ...(hasInput && view['submit'] === undefined
      ? [wrong('missing required field: submit', '/view')]
      : []),
    ...checkMaybe(view, 'private_metadata', '/view', PRIVATE_METADATA_MAX),
    ...checkMaybe(view, 'callback_id', '/view', ID_MAX),
    ...checkMaybe(view, 'external_id', '/view', ID_MAX),
    ...checkBlocks(view['blocks'], 'modal', '/view/blocks'),
  ];
}
