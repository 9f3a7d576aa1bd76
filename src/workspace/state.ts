/**
 * All that the workspace remembers, in memory: people, channels, messages, open forms. Promises: time
 * stamps are unique and grow; every change is told to subscribers after it is made. Judges nothing.
 */
import type { Clock } from '../kernel/clock.ts';
import { allPeople, BOT_USER, TEAM_ID, toChannel, type WorkspaceOptions } from './options.ts';
import type { JsonRecord } from './shared/json.ts';
import type { Block, Change, Channel, Message, Person, View } from './shared/model.ts';

export interface NewMessage {
  readonly channel: string;
  readonly author: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  readonly threadTs?: string;
  readonly broadcast?: boolean;
  readonly visibleTo?: string;
  readonly metadata?: JsonRecord;
}

export interface WorkspaceState {
  readonly people: ReadonlyMap<string, Person>;
  channels(): readonly Channel[];
  channel(id: string): Channel | undefined;
  putChannel(channel: Channel): void;
  /** The direct conversation between a person and the app; made when there is none. */
  directChannel(userId: string): Channel;
  /** Messages that everybody in the channel sees, oldest first, threads included. */
  messages(channelId: string): readonly Message[];
  message(channelId: string, ts: string): Message | undefined;
  /** What only this person sees, oldest first. */
  ephemerals(userId: string): readonly Message[];
  add(message: NewMessage): Message;
  replace(message: Message): void;
  remove(message: Message): void;
  /** The person's open forms, the topmost last. */
  views(userId: string): readonly View[];
  putViews(userId: string, views: readonly View[]): void;
  findView(id: string): View | undefined;
  findViewByExternalId(id: string): View | undefined;
  /** `V00000001`: never the same twice. */
  newId(prefix: string): string;
  subscribe(listener: (change: Change) => void): () => void;
}

export function createState(options: WorkspaceOptions): WorkspaceState {
  const listeners = new Set<(change: Change) => void>();
  const newId = ids();

  function tell(change: Change): void {
    for (const listener of listeners) listener(change);
  }

  return {
    people: new Map(allPeople(options.people).map((person) => [person.id, person])),
    ...channelsOf(options, newId, tell),
    ...messagesOf(options.clock, tell),
    ...viewsOf(tell),
    newId,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

type Tell = (change: Change) => void;
type ChannelVerbs = Pick<WorkspaceState, 'channels' | 'channel' | 'putChannel' | 'directChannel'>;

function channelsOf(
  options: WorkspaceOptions,
  newId: (prefix: string) => string,
  tell: Tell,
): ChannelVerbs {
  const channels = new Map(
    options.channels.map((each) => [each.id, toChannel(each, options.people)]),
  );

  function putChannel(channel: Channel): void {
    channels.set(channel.id, channel);
    tell({ kind: 'channel', channel });
  }

  return {
    channels: () => [...channels.values()],
    channel: (id) => channels.get(id),
    putChannel,
    directChannel(userId) {
      const known = [...channels.values()].find(
        ({ kind, members }) => kind === 'direct' && members.includes(userId),
      );
      if (known !== undefined) return known;
      const made = directChannelOf(newId('D'), userId);
      putChannel(made);
      return made;
    },
  };
}

type MessageVerbs = Pick<
  WorkspaceState,
  'messages' | 'message' | 'ephemerals' | 'add' | 'replace' | 'remove'
>;

function messagesOf(clock: Clock, tell: Tell): MessageVerbs {
  const messages = new Map<string, Message>();
  const newTs = timestamps(clock);

  function put(message: Message): void {
    messages.set(keyOf(message.channel, message.ts), message);
    tell({ kind: 'message', message });
  }

  return {
    messages: (channelId) =>
      [...messages.values()].filter(
        (each) => each.channel === channelId && each.visibleTo === undefined,
      ),
    message: (channelId, ts) => messages.get(keyOf(channelId, ts)),
    ephemerals: (userId) => [...messages.values()].filter((each) => each.visibleTo === userId),
    add(words) {
      const message = { ...words, ts: newTs(), reactions: [] };
      put(message);
      return message;
    },
    replace: put,
    remove({ channel, ts, visibleTo }) {
      messages.delete(keyOf(channel, ts));
      tell({ kind: 'removed', channel, ts, ...(visibleTo === undefined ? {} : { visibleTo }) });
    },
  };
}

type ViewVerbs = Pick<WorkspaceState, 'views' | 'putViews' | 'findView' | 'findViewByExternalId'>;

function viewsOf(tell: Tell): ViewVerbs {
  const views = new Map<string, readonly View[]>();
  return {
    views: (userId) => views.get(userId) ?? [],
    putViews(userId, stack) {
      views.set(userId, stack);
      tell({ kind: 'views', user: userId, views: stack });
    },
    findView: (id) => [...views.values()].flat().find((view) => view.id === id),
    findViewByExternalId: (id) =>
      [...views.values()].flat().find((view) => view.content['external_id'] === id),
  };
}

function ids(): (prefix: string) => string {
  let count = 0;
  return (prefix) => {
    count += 1;
    return `${prefix}${String(count).padStart(8, '0')}`;
  };
}

export function teamOf(options: WorkspaceOptions): {
  readonly id: string;
  readonly name: string;
  readonly domain: string;
} {
  const name = options.team ?? 'Harbour';
  return { id: TEAM_ID, name, domain: name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-') };
}

function keyOf(channel: string, ts: string): string {
  return `${channel} ${ts}`;
}

function directChannelOf(id: string, userId: string): Channel {
  return {
    id,
    name: 'dbdr',
    topic: '',
    kind: 'direct',
    members: [userId, BOT_USER],
    pinned: [],
    bookmarks: [],
  };
}

/** `1764000000.000100`: seconds and microseconds, each larger than the last. */
function timestamps(clock: Clock): () => string {
  let last = 0n;
  return () => {
    const now = clock.now().epochNanoseconds / 1000n;
    last = now > last ? now : last + 1n;
    return `${last / 1_000_000n}.${String(last % 1_000_000n).padStart(6, '0')}`;
  };
}
