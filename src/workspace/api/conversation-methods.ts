/** conversations.*, pins.add, bookmarks.add, reactions.add: places and what hangs on them. */
import { BOT_USER } from '../options.ts';
import { messageJson } from '../payloads.ts';
import { type JsonRecord, textAt } from '../shared/json.ts';
import type { Channel, Message } from '../shared/model.ts';
import { type ApiContext, findChannel, flagArg, type Method, ok, refused } from './answer.ts';

export const CONVERSATION_METHODS: Readonly<Record<string, Method>> = {
  'conversations.list': (_args, { state }) =>
    ok({
      channels: state
        .channels()
        .filter(({ kind, members }) => kind === 'public' || members.includes(BOT_USER))
        .map(channelJson),
      response_metadata: { next_cursor: '' },
    }),
  'conversations.info': (args, context) =>
    inChannel(args, context, (channel) => ok({ channel: channelJson(channel) })),
  'conversations.join': (args, context) =>
    inChannel(args, context, (channel) => {
      if (channel.kind !== 'public') return refused('method_not_supported_for_channel_type');
      const joined = { ...channel, members: [...new Set([...channel.members, BOT_USER])] };
      context.state.putChannel(joined);
      return ok({ channel: channelJson(joined) });
    }),
  'conversations.create': createChannel,
  'conversations.invite': (args, context) => asMember(args, context, invite),
  'conversations.setTopic': (args, context) =>
    asMember(args, context, (channel) => {
      const changed = { ...channel, topic: textAt(args, 'topic').slice(0, TOPIC_MAX) };
      context.state.putChannel(changed);
      return ok({ channel: channelJson(changed) });
    }),
  'conversations.history': (args, context) =>
    asMember(args, context, (channel) => {
      const messages = context.state
        .messages(channel.id)
        .filter((each) => each.threadTs === undefined || each.broadcast === true);
      return ok({ messages: messages.toReversed().map(messageJson), has_more: false });
    }),
  'conversations.replies': (args, context) => asMember(args, context, replies),
  'pins.add': (args, context) =>
    asMember(args, context, (channel) => {
      const ts = textAt(args, 'timestamp');
      if (context.state.message(channel.id, ts) === undefined) return refused('message_not_found');
      if (channel.pinned.includes(ts)) return refused('already_pinned');
      context.state.putChannel({ ...channel, pinned: [...channel.pinned, ts] });
      return ok();
    }),
  'bookmarks.add': addBookmark,
  'reactions.add': (args, context) => asMember(args, context, react),
};

const TOPIC_MAX = 250;
const NAME = /^[a-z0-9_-]{1,80}$/;

type InChannel = (channel: Channel, args: JsonRecord, context: ApiContext) => JsonRecord;

function inChannel(args: JsonRecord, context: ApiContext, then: InChannel): JsonRecord {
  const channel = findChannel(context, textAt(args, 'channel'));
  return channel === undefined ? refused('channel_not_found') : then(channel, args, context);
}

function asMember(args: JsonRecord, context: ApiContext, then: InChannel): JsonRecord {
  return inChannel(args, context, (channel) =>
    channel.members.includes(BOT_USER) ? then(channel, args, context) : refused('not_in_channel'),
  );
}

function createChannel(args: JsonRecord, { state }: ApiContext): JsonRecord {
  const name = textAt(args, 'name');
  if (!NAME.test(name)) return refused('invalid_name_specials');
  if (state.channels().some((channel) => channel.name === name)) return refused('name_taken');
  const channel: Channel = {
    id: state.newId('C'),
    name,
    topic: '',
    kind: flagArg(args, 'is_private') ? 'private' : 'public',
    members: [BOT_USER],
    pinned: [],
    bookmarks: [],
  };
  state.putChannel(channel);
  return ok({ channel: channelJson(channel) });
}

function invite(channel: Channel, args: JsonRecord, { state }: ApiContext): JsonRecord {
  const users = textAt(args, 'users')
    .split(',')
    .map((id) => id.trim());
  if (users.some((id) => !state.people.has(id))) return refused('user_not_found');
  if (users.every((id) => channel.members.includes(id))) return refused('already_in_channel');
  const changed = { ...channel, members: [...new Set([...channel.members, ...users])] };
  state.putChannel(changed);
  return ok({ channel: channelJson(changed) });
}

function replies(channel: Channel, args: JsonRecord, { state }: ApiContext): JsonRecord {
  const parent = state.message(channel.id, textAt(args, 'ts'));
  if (parent === undefined) return refused('thread_not_found');
  const answers = state.messages(channel.id).filter(({ threadTs }) => threadTs === parent.ts);
  return ok({ messages: [parent, ...answers].map(messageJson), has_more: false });
}

function react(channel: Channel, args: JsonRecord, { state }: ApiContext): JsonRecord {
  const name = textAt(args, 'name').replaceAll(':', '');
  const message = state.message(channel.id, textAt(args, 'timestamp'));
  if (message === undefined) return refused('message_not_found');
  if (name === '') return refused('invalid_name');
  const before = message.reactions.find((each) => each.name === name)?.users ?? [];
  if (before.includes(BOT_USER)) return refused('already_reacted');
  state.replace({ ...message, reactions: withReaction(message, name, [...before, BOT_USER]) });
  return ok();
}

function withReaction(
  message: Message,
  name: string,
  users: readonly string[],
): Message['reactions'] {
  const known = message.reactions.some((each) => each.name === name);
  if (!known) return [...message.reactions, { name, users }];
  return message.reactions.map((each) => (each.name === name ? { name, users } : each));
}

function addBookmark(args: JsonRecord, context: ApiContext): JsonRecord {
  const channel = findChannel(context, textAt(args, 'channel_id'));
  if (channel === undefined) return refused('channel_not_found');
  const [title, link] = [textAt(args, 'title'), textAt(args, 'link')];
  if (title === '' || textAt(args, 'type') === '') return refused('invalid_arguments');
  context.state.putChannel({ ...channel, bookmarks: [...channel.bookmarks, { title, link }] });
  return ok({ bookmark: { id: context.state.newId('Bk'), channel_id: channel.id, title, link } });
}

function channelJson(channel: Channel): JsonRecord {
  return {
    id: channel.id,
    name: channel.name,
    is_channel: channel.kind === 'public',
    is_group: channel.kind === 'private',
    is_im: channel.kind === 'direct',
    is_private: channel.kind !== 'public',
    is_archived: false,
    is_member: channel.members.includes(BOT_USER),
    topic: { value: channel.topic, creator: '', last_set: 0 },
    num_members: channel.members.length,
  };
}
