/** chat.*: posting, editing, removing, and what only one person sees. */
import { withIds } from '../limits/block-ids.ts';
import { checkBlocks } from '../limits/blocks.ts';
import { POST_TEXT_MAX, UPDATE_TEXT_MAX } from '../limits/limits.ts';
import { BOT_USER } from '../options.ts';
import { messageJson } from '../payloads.ts';
import { asList, isRecord, type JsonRecord, textAt } from '../shared/json.ts';
import type { Block, Channel, Message } from '../shared/model.ts';
import {
  type ApiContext,
  findChannel,
  flagArg,
  jsonArg,
  type Method,
  ok,
  refused,
} from './answer.ts';

export const CHAT_METHODS: Readonly<Record<string, Method>> = {
  'chat.postMessage': postMessage,
  'chat.postEphemeral': postEphemeral,
  'chat.update': updateMessage,
  'chat.delete': deleteMessage,
  'chat.getPermalink': getPermalink,
};

type Words =
  | { readonly outcome: 'good'; readonly text: string; readonly blocks: readonly Block[] }
  | { readonly outcome: 'bad'; readonly answer: JsonRecord };

function readWords(args: JsonRecord, context: ApiContext): Words {
  const text = textAt(args, 'text').slice(0, POST_TEXT_MAX);
  const given = args['blocks'] === undefined ? [] : jsonArg(args, 'blocks');
  if (!Array.isArray(given)) return bad('invalid_blocks_format');
  const messages = checkBlocks(given, 'message');
  if (messages.length > 0) return bad('invalid_blocks', messages);
  if (text === '' && given.length === 0) return bad('no_text');
  return {
    outcome: 'good',
    text,
    blocks: withIds(asList(given), () => context.state.newId('b')),
  };
}

function bad(error: string, messages: readonly string[] = []): Words {
  return { outcome: 'bad', answer: refused(error, messages) };
}

type Place =
  | { readonly outcome: 'good'; readonly channel: Channel }
  | { readonly outcome: 'bad'; readonly answer: JsonRecord };

/** The channel, if the app may write there. */
function readPlace(args: JsonRecord, context: ApiContext): Place {
  const channel = findChannel(context, textAt(args, 'channel'));
  if (channel === undefined) return { outcome: 'bad', answer: refused('channel_not_found') };
  if (channel.members.includes(BOT_USER)) return { outcome: 'good', channel };
  const error = channel.kind === 'private' ? 'channel_not_found' : 'not_in_channel';
  return { outcome: 'bad', answer: refused(error) };
}

function postMessage(args: JsonRecord, context: ApiContext): JsonRecord {
  const place = readPlace(args, context);
  if (place.outcome === 'bad') return place.answer;
  const words = readWords(args, context);
  if (words.outcome === 'bad') return words.answer;
  const thread = textAt(args, 'thread_ts');
  if (thread !== '' && context.state.message(place.channel.id, thread) === undefined)
    return refused('thread_not_found');
  const metadata = jsonArg(args, 'metadata');
  const message = context.state.add({
    channel: place.channel.id,
    author: BOT_USER,
    text: words.text,
    blocks: words.blocks,
    ...(thread === '' ? {} : { threadTs: thread }),
    ...(flagArg(args, 'reply_broadcast') ? { broadcast: true } : {}),
    ...(isRecord(metadata) ? { metadata } : {}),
  });
  return ok({ channel: message.channel, ts: message.ts, message: messageJson(message) });
}

function postEphemeral(args: JsonRecord, context: ApiContext): JsonRecord {
  const place = readPlace(args, context);
  if (place.outcome === 'bad') return place.answer;
  const user = textAt(args, 'user');
  if (!context.state.people.has(user)) return refused('user_not_found');
  if (!place.channel.members.includes(user)) return refused('user_not_in_channel');
  const words = readWords(args, context);
  if (words.outcome === 'bad') return words.answer;
  const thread = textAt(args, 'thread_ts');
  const message = context.state.add({
    channel: place.channel.id,
    author: BOT_USER,
    text: words.text,
    blocks: words.blocks,
    visibleTo: user,
    ...(thread === '' ? {} : { threadTs: thread }),
  });
  return ok({ message_ts: message.ts });
}

function updateMessage(args: JsonRecord, context: ApiContext): JsonRecord {
  const found = ownMessage(args, context, 'cant_update_message');
  if (found.outcome === 'bad') return found.answer;
  const text = textAt(args, 'text');
  // Slack docs, chat.update: 4,000 characters, where chat.postMessage takes ten times as many.
  if (text.length > UPDATE_TEXT_MAX) return refused('msg_too_long');
  const words = readWords(args, context);
  if (words.outcome === 'bad') return words.answer;
  const { message } = found;
  const changed: Message = {
    ...message,
    text: words.text,
    // Slack docs, chat.update: without `blocks` and with `text`, the blocks go.
    blocks: words.blocks,
    editedTs: `${context.options.clock.now().epochMilliseconds / 1000}`,
  };
  context.state.replace(changed);
  return ok({
    channel: changed.channel,
    ts: changed.ts,
    text: changed.text,
    message: messageJson(changed),
  });
}

function deleteMessage(args: JsonRecord, context: ApiContext): JsonRecord {
  const found = ownMessage(args, context, 'cant_delete_message');
  if (found.outcome === 'bad') return found.answer;
  context.state.remove(found.message);
  return ok({ channel: found.message.channel, ts: found.message.ts });
}

type Found =
  | { readonly outcome: 'good'; readonly message: Message }
  | { readonly outcome: 'bad'; readonly answer: JsonRecord };

function ownMessage(args: JsonRecord, context: ApiContext, notOwn: string): Found {
  const place = readPlace(args, context);
  if (place.outcome === 'bad') return place;
  const message = context.state.message(place.channel.id, textAt(args, 'ts'));
  // Slack docs, Modifying messages: an ephemeral message cannot be updated by chat.update.
  if (message === undefined || message.visibleTo !== undefined)
    return { outcome: 'bad', answer: refused('message_not_found') };
  if (message.author !== BOT_USER) return { outcome: 'bad', answer: refused(notOwn) };
  return { outcome: 'good', message };
}

function getPermalink(args: JsonRecord, context: ApiContext): JsonRecord {
  const channel = findChannel(context, textAt(args, 'channel'));
  if (channel === undefined) return refused('channel_not_found');
  const ts = textAt(args, 'message_ts');
  if (context.state.message(channel.id, ts) === undefined) return refused('message_not_found');
  const permalink = `${context.url()}/archives/${channel.id}/p${ts.replace('.', '')}`;
  return ok({ channel: channel.id, permalink });
}
