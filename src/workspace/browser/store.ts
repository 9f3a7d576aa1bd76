/**
 * What the page knows and shows. One object, changed by the live stream and by what the person does;
 * after each change the page is drawn anew. Keeps nothing but what has been read, and only in memory.
 */
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import type {
  ActionWords,
  Change,
  Channel,
  Command,
  Entered,
  EnteredValue,
  Message,
  Person,
  Snapshot,
  View,
} from '../shared/model.ts';

/** A question before a button counts. */
export interface Question {
  readonly title: string;
  readonly text: string;
  readonly yes: string;
  readonly no: string;
  readonly isDangerous: boolean;
  readonly proceed: () => void;
}

export type Connection = 'opening' | 'live' | 'lost';

export interface Store {
  connection: Connection;
  team: string;
  me: string;
  people: ReadonlyMap<string, Person>;
  channels: readonly Channel[];
  messages: readonly Message[];
  views: readonly View[];
  commands: readonly Command[];
  actions: readonly ActionWords[];
  /** Ids: of the channel that is shown, and of the message whose thread is. */
  channel: string;
  thread: string | undefined;
  /** Newest message read, by person and channel. */
  readonly read: Map<string, string>;
  /** What stood in a person's channels when the page was opened counts as read. */
  baseline: string;
  /** What is entered in messages and forms, by `entryKey()`. */
  readonly entered: Map<string, Entered>;
  /** Errors by field of the topmost form. */
  errors: Readonly<Record<string, string>>;
  /** One sentence below a message (by its key) or in the form (by its id). */
  readonly troubles: Map<string, string>;
  /** What waits for an answer: ids of buttons, forms and actions. */
  readonly busy: Set<string>;
  question: Question | undefined;
  toast: string;
  /** Something was said below what the person is looking at. */
  isMoreBelow: boolean;
}

export const store: Store = {
  connection: 'opening',
  team: '',
  me: '',
  people: new Map(),
  channels: [],
  messages: [],
  views: [],
  commands: [],
  actions: [],
  channel: '',
  thread: undefined,
  read: new Map(),
  baseline: '',
  entered: new Map(),
  errors: {},
  troubles: new Map(),
  busy: new Set(),
  question: undefined,
  toast: '',
  isMoreBelow: false,
};

let draw: (() => void) | undefined;
let isDrawing = false;

/** Called once, by the page. */
export function onRedraw(then: () => void): void {
  draw = then;
}

/** Draws soon, and once for all changes made until then. */
export function redraw(): void {
  if (isDrawing) return;
  isDrawing = true;
  queueMicrotask(() => {
    isDrawing = false;
    draw?.();
  });
}

export function takeSnapshot(snapshot: Snapshot): void {
  const isOtherPerson = store.me !== snapshot.me;
  store.connection = 'live';
  store.team = snapshot.team;
  store.me = snapshot.me;
  store.people = new Map(snapshot.people.map((person) => [person.id, person]));
  store.channels = snapshot.channels;
  store.messages = snapshot.messages;
  store.commands = snapshot.commands;
  store.actions = snapshot.actions;
  if (store.baseline === '') store.baseline = snapshot.messages.at(-1)?.ts ?? '0';
  if (isOtherPerson) store.thread = undefined;
  if (!store.channels.some(({ id }) => id === store.channel))
    store.channel = store.channels[0]?.id ?? '';
  takeViews(snapshot.views);
}

export function takeChange(change: Change): void {
  switch (change.kind) {
    case 'message':
      store.messages = withMessage(store.messages, change.message);
      return;
    case 'removed':
      store.messages = store.messages.filter((each) => keyOf(each) !== keyOf(change));
      return;
    case 'channel':
      store.channels = store.channels.some(({ id }) => id === change.channel.id)
        ? store.channels.map((each) => (each.id === change.channel.id ? change.channel : each))
        : [...store.channels, change.channel];
      return;
    case 'views':
      takeViews(change.views);
      return;
    default:
      throw new TypeError(`Unreachable change: ${JSON.stringify(change satisfies never)}`);
  }
}

function takeViews(views: readonly View[]): void {
  const before = store.views.at(-1);
  const top = views.at(-1);
  if (before?.id !== top?.id || before?.hash !== top?.hash) {
    store.errors = {};
    if (top !== undefined) store.troubles.delete(top.id);
  }
  store.views = views;
}

function withMessage(messages: readonly Message[], message: Message): readonly Message[] {
  const key = keyOf(message);
  const at = messages.findIndex((each) => keyOf(each) === key);
  if (at >= 0) return messages.with(at, message);
  return [...messages, message];
}

export function keyOf(message: { readonly channel: string; readonly ts: string }): string {
  return `${message.channel} ${message.ts}`;
}

export function enter(key: string, blockId: string, actionId: string, value: EnteredValue): void {
  const before = store.entered.get(key) ?? {};
  store.entered.set(key, { ...before, [blockId]: { ...before[blockId], [actionId]: value } });
}

export function enteredIn(key: string): Entered {
  return store.entered.get(key) ?? {};
}

/** What the channel shows: no answers in threads, unless they were meant for the channel too. */
export function isInChannel(message: Message): boolean {
  return message.threadTs === undefined || message.broadcast === true;
}

export function repliesOf(message: Message): readonly Message[] {
  return store.messages.filter(
    (each) => each.channel === message.channel && each.threadTs === message.ts,
  );
}

export function isUnread(channelId: string): boolean {
  const read = store.read.get(`${store.me} ${channelId}`) ?? store.baseline;
  return store.messages.some(
    (each) =>
      each.channel === channelId && each.author !== store.me && isInChannel(each) && each.ts > read,
  );
}

export function markRead(channelId: string): void {
  const last = store.messages.findLast((each) => each.channel === channelId);
  if (last !== undefined) store.read.set(`${store.me} ${channelId}`, last.ts);
}

export function zoneOfReader(): string {
  return store.people.get(store.me)?.zone ?? 'UTC';
}
