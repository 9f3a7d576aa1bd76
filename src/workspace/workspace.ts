/**
 * A Slack of our own, for the demo and the end-to-end tests: the Web API with Slack's limits and error
 * codes, signed requests to the app, and a page for people. Everything is in memory and listens on
 * 127.0.0.1 only. Refuses whatever Slack would refuse, with the reason; that is its whole point.
 */
import { createWebApi } from './api/web-api.ts';
import { createDesk, type Desk } from './desk.ts';
import { createHandles } from './handles.ts';
import { channelCalled, type Hands, handsOf } from './hands.ts';
import { DBDR_COMMAND, type WorkspaceOptions } from './options.ts';
import { startServer } from './server.ts';
import type { Message, View } from './shared/model.ts';
import { createState, type WorkspaceState } from './state.ts';
import { waitFor } from './waiting.ts';

export type { WorkspaceAction, WorkspaceOptions } from './options.ts';
export type { Message, View } from './shared/model.ts';

/** What a wait needs to end, and what to say when it ends in vain. */
export interface WaitOptions {
  readonly signal: AbortSignal;
  /** What is waited for: `the backup`. */
  readonly what?: string;
}

export interface Workspace extends AsyncDisposable {
  /** The page: `http://127.0.0.1:4000`. */
  readonly url: string;
  /** What `slack.api_url` must be. */
  readonly apiUrl: string;
  /** The app listens somewhere else from now on. */
  pointAt(requestUrl: string): void;
  /** @throws Problem WORKSPACE_NOTHING_THERE: nobody has that id. */
  as(userId: string): Hands;
  /** Channel by id or name; oldest first, threads included, ephemerals not. */
  messages(channel: string): readonly Message[];
  /** The answers below a message, oldest first. */
  thread(channel: string, ts: string): readonly Message[];
  /** What only this person sees, oldest first. */
  ephemerals(userId: string): readonly Message[];
  /** The topmost last. */
  openViews(userId: string): readonly View[];
  /** The newest message that fits, now or as soon as there is one. @throws Problem WORKSPACE_WAIT_ENDED */
  waitForMessage(
    channel: string,
    fits: (message: Message) => boolean,
    options: WaitOptions,
  ): Promise<Message>;
  /** The newest that fits of what only this person sees. @throws Problem WORKSPACE_WAIT_ENDED */
  waitForEphemeral(
    userId: string,
    fits: (message: Message) => boolean,
    options: WaitOptions,
  ): Promise<Message>;
  /** The topmost form that fits. @throws Problem WORKSPACE_WAIT_ENDED */
  waitForView(userId: string, fits: (view: View) => boolean, options: WaitOptions): Promise<View>;
}

/** @throws Problem WORKSPACE_PORT_TAKEN */
export async function startWorkspace(options: WorkspaceOptions): Promise<Workspace> {
  const state = createState(options);
  const handles = createHandles(options.clock);
  const commands = options.commands ?? [DBDR_COMMAND];
  const stopping = new AbortController();
  let { requestUrl } = options;
  let url = '';
  const desk = createDesk({
    state,
    handles,
    options,
    commands,
    requestUrl: () => requestUrl,
    url: () => url,
    signal: stopping.signal,
  });
  const server = await startServer({
    state,
    handles,
    options,
    commands,
    desk,
    api: createWebApi({ state, handles, options, url: () => url }),
  });
  url = `http://127.0.0.1:${server.port}`;
  return {
    url,
    apiUrl: `${url}/api/`,
    pointAt(next) {
      requestUrl = next;
    },
    ...eyesAndHands(state, desk),
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error('The workspace is closed'));
      await server[Symbol.asyncDispose]();
    },
  };
}

type EyesAndHands = Omit<Workspace, 'url' | 'apiUrl' | 'pointAt' | typeof Symbol.asyncDispose>;

function eyesAndHands(state: WorkspaceState, desk: Desk): EyesAndHands {
  function messages(channel: string): readonly Message[] {
    return state.messages(channelCalled(state, channel).id);
  }
  return {
    as: (userId) => handsOf(state, desk, userId),
    messages,
    thread: (channel, ts) => messages(channel).filter(({ threadTs }) => threadTs === ts),
    ephemerals: (userId) => state.ephemerals(userId),
    openViews: (userId) => state.views(userId),
    waitForMessage: async (channel, fits, { signal, what }) =>
      waitFor(state, {
        what: `${what ?? 'a message that fits'} in "${channel}"`,
        look: () => messages(channel).findLast(fits),
        seen: () => lastWords(messages(channel)),
        signal,
      }),
    waitForEphemeral: async (userId, fits, { signal, what }) =>
      waitFor(state, {
        what: `${what ?? 'a message that fits'} for "${userId}" alone`,
        look: () => state.ephemerals(userId).findLast(fits),
        seen: () => lastWords(state.ephemerals(userId)),
        signal,
      }),
    waitForView: async (userId, fits, { signal, what }) =>
      waitFor(state, {
        what: `${what ?? 'a form that fits'} before "${userId}"`,
        look: () => state.views(userId).findLast(fits),
        seen: () => lastWords(state.ephemerals(userId)),
        signal,
      }),
  };
}

const LAST_WORDS = 5;

function lastWords(messages: readonly Message[]): string {
  return messages
    .slice(-LAST_WORDS)
    .map(({ text }) => text)
    .join(' | ');
}
