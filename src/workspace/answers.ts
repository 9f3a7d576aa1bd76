/**
 * What an app says through a `response_url`, or in the same breath as its acknowledgement: a message
 * only the person sees, one for the channel, or a change of the message that was clicked.
 */
import type { ResponsePlace } from './handles.ts';
import { withIds } from './limits/block-ids.ts';
import { checkBlocks } from './limits/blocks.ts';
import { POST_TEXT_MAX } from './limits/limits.ts';
import { BOT_USER } from './options.ts';
import { flagAt, type JsonRecord, listAt, textAt } from './shared/json.ts';
import type { Block, Message } from './shared/model.ts';
import type { WorkspaceState } from './state.ts';

export type Answered =
  | { readonly outcome: 'good'; readonly message?: Message }
  | { readonly outcome: 'bad'; readonly error: string; readonly messages: readonly string[] };

export function applyAnswer(
  state: WorkspaceState,
  place: ResponsePlace,
  body: JsonRecord,
): Answered {
  const original =
    place.messageTs === undefined ? undefined : state.message(place.channel, place.messageTs);
  if (flagAt(body, 'delete_original')) {
    if (original !== undefined) state.remove(original);
    return { outcome: 'good' };
  }
  const messages = body['blocks'] === undefined ? [] : checkBlocks(body['blocks'], 'message');
  if (messages.length > 0) return { outcome: 'bad', error: 'invalid_blocks', messages };
  const text = textAt(body, 'text').slice(0, POST_TEXT_MAX);
  const blocks = withIds(listAt(body, 'blocks'), () => state.newId('b'));
  if (text === '' && blocks.length === 0) return { outcome: 'bad', error: 'no_text', messages: [] };
  if (flagAt(body, 'replace_original') && original !== undefined) {
    const changed = { ...original, text, blocks };
    state.replace(changed);
    return { outcome: 'good', message: changed };
  }
  return { outcome: 'good', message: addAnswer(state, place, body, { text, blocks }) };
}

function addAnswer(
  state: WorkspaceState,
  place: ResponsePlace,
  body: JsonRecord,
  words: { readonly text: string; readonly blocks: readonly Block[] },
): Message {
  const threadTs = textAt(body, 'thread_ts') || place.threadTs;
  return state.add({
    channel: place.channel,
    author: BOT_USER,
    ...words,
    ...(textAt(body, 'response_type') === 'in_channel' ? {} : { visibleTo: place.userId }),
    ...(threadTs === undefined ? {} : { threadTs }),
  });
}
