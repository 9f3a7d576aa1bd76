/**
 * The page's live stream (server-sent events): first everything the person may see, then each change.
 * Promises: nobody is sent what only another person may see.
 */
import type { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';

import type { WorkspaceOptions } from './options.ts';
import type { Change, Command, Snapshot } from './shared/model.ts';
import { teamOf, type WorkspaceState } from './state.ts';

export interface StreamDeps {
  readonly state: WorkspaceState;
  readonly options: WorkspaceOptions;
  readonly commands: readonly Command[];
}

/** How long a page waits before it tries to connect again. */
const RETRY_MS = 1000;

export function mountStream(app: Hono, deps: StreamDeps, signal: AbortSignal): void {
  app.get('/stream', (c) => {
    const user = c.req.query('as') ?? deps.options.people[0]?.id ?? '';
    return streamSSE(c, async (stream) => {
      const ended = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => ended.resolve(), { once: true });
      stream.onAbort(() => ended.resolve());
      await stream.writeSSE({
        event: 'snapshot',
        data: JSON.stringify(snapshot(deps, user)),
        retry: RETRY_MS,
      });
      const unsubscribe = deps.state.subscribe((change) => {
        if (maySee(deps.state, user, change))
          void stream.writeSSE({ event: 'change', data: JSON.stringify(change) });
      });
      await ended.promise;
      unsubscribe();
    });
  });
}

function snapshot({ state, options, commands }: StreamDeps, user: string): Snapshot {
  const channels = state.channels().filter(({ members }) => members.includes(user));
  return {
    team: teamOf(options).name,
    me: user,
    people: [...state.people.values()],
    channels,
    messages: [
      ...channels.flatMap(({ id }) => state.messages(id)),
      ...state.ephemerals(user),
    ].toSorted((a, b) => (a.ts < b.ts ? -1 : 1)),
    views: state.views(user),
    commands,
    actions: (options.actions ?? []).map(({ id, label, description }) => ({
      id,
      label,
      description,
    })),
  };
}

function maySee(state: WorkspaceState, user: string, change: Change): boolean {
  switch (change.kind) {
    case 'views':
      return change.user === user;
    case 'channel':
      return change.channel.members.includes(user);
    case 'message':
      return isMember(state, user, change.message.channel, change.message.visibleTo);
    case 'removed':
      return isMember(state, user, change.channel, change.visibleTo);
    default:
      throw new TypeError(`Unreachable change: ${JSON.stringify(change satisfies never)}`);
  }
}

function isMember(
  state: WorkspaceState,
  user: string,
  channel: string,
  visibleTo: string | undefined,
): boolean {
  if (visibleTo !== undefined && visibleTo !== user) return false;
  return state.channel(channel)?.members.includes(user) === true;
}
