/**
 * What people do in the page, as POSTs of JSON. Each names the person it is done for: the workspace
 * has a switch between people, not a login. Refuses anything but JSON, which other sites cannot send.
 */
import type { Context, Hono } from 'hono';

import type { Desk } from './desk.ts';
import type { WorkspaceOptions } from './options.ts';
import { flagAt, isRecord, type JsonRecord, parseJson, textAt, valueAt } from './shared/json.ts';
import type { ActOutcome, Entered, EnteredValue, Message, View } from './shared/model.ts';
import type { WorkspaceState } from './state.ts';

export interface ActDeps {
  readonly state: WorkspaceState;
  readonly desk: Desk;
  readonly options: WorkspaceOptions;
}

type Act = (body: JsonRecord, deps: ActDeps) => Promise<ActOutcome>;

const ACTS: Readonly<Record<string, Act>> = {
  async say(body, { desk }) {
    const thread = textAt(body, 'threadTs');
    return desk.say(
      textAt(body, 'user'),
      textAt(body, 'channel'),
      textAt(body, 'text'),
      thread === '' ? undefined : thread,
    );
  },

  async click(body, { state, desk }) {
    const click = {
      blockId: textAt(body, 'blockId'),
      actionId: textAt(body, 'actionId'),
      value: readValue(body['value']),
      entered: readEntered(body['entered']),
    };
    const viewId = textAt(body, 'viewId');
    if (viewId !== '') {
      const view = ownView(body, state);
      return view === undefined ? gone() : desk.clickView(view, click);
    }
    const message = seenMessage(body, state);
    return message === undefined ? gone() : desk.clickMessage(textAt(body, 'user'), message, click);
  },

  async submit(body, { state, desk }) {
    const view = ownView(body, state);
    return view === undefined ? gone() : desk.submit(view, readEntered(body['entered']));
  },

  async close(body, { state, desk }) {
    const view = ownView(body, state);
    return view === undefined ? gone() : desk.close(view, flagAt(body, 'all'));
  },

  async dismiss(body, { state }) {
    const message = seenMessage(body, state);
    if (message?.visibleTo !== undefined) state.remove(message);
    return Promise.resolve({ outcome: 'done' });
  },
};

export function mountActs(app: Hono, deps: ActDeps): void {
  for (const [name, act] of Object.entries(ACTS)) {
    app.post(`/act/${name}`, async (c) => {
      const body = await readJson(c);
      return body === undefined ? c.text('Send JSON', 415) : c.json(await act(body, deps));
    });
  }
  app.post('/demo/actions/:id', async (c) => {
    if ((await readJson(c)) === undefined) return c.text('Send JSON', 415);
    return c.json(await runAction(c.req.param('id'), deps.options));
  });
}

async function runAction(id: string, { actions, log }: WorkspaceOptions): Promise<ActOutcome> {
  const action = actions?.find((each) => each.id === id);
  if (action === undefined) return gone();
  try {
    await action.run();
    return { outcome: 'done' };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.warn('An action of the page failed', { action: id, reason });
    return { outcome: 'failed', reason };
  }
}

async function readJson(c: Context): Promise<JsonRecord | undefined> {
  if (!(c.req.header('content-type') ?? '').startsWith('application/json')) return undefined;
  const body = parseJson(await c.req.text());
  return isRecord(body) ? body : undefined;
}

function ownView(body: JsonRecord, state: WorkspaceState): View | undefined {
  const view = state.findView(textAt(body, 'viewId'));
  return view?.user === textAt(body, 'user') ? view : undefined;
}

function seenMessage(body: JsonRecord, state: WorkspaceState): Message | undefined {
  const user = textAt(body, 'user');
  const message = state.message(textAt(body, 'channel'), textAt(body, 'ts'));
  const isMember = state.channel(message?.channel ?? '')?.members.includes(user) === true;
  const isVisible = message?.visibleTo === undefined || message.visibleTo === user;
  return isMember && isVisible ? message : undefined;
}

function readEntered(value: unknown): Entered {
  const blocks = isRecord(value) ? Object.entries(value) : [];
  return Object.fromEntries(
    blocks.map(([blockId, actions]) => [
      blockId,
      Object.fromEntries(
        Object.keys(isRecord(actions) ? actions : {}).map((actionId) => [
          actionId,
          readValue(valueAt(actions, actionId)),
        ]),
      ),
    ]),
  );
}

function readValue(value: unknown): EnteredValue {
  if (typeof value === 'string' || typeof value === 'number') return value;
  return Array.isArray(value) ? value.map(String) : null;
}

function gone(): ActOutcome {
  return { outcome: 'failed', reason: 'This is no longer there.' };
}
