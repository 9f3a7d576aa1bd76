/**
 * The workspace over HTTP, on 127.0.0.1 only: Slack's Web API and response URLs for the app, the page,
 * its live stream and its acts for people. Refuses requests that name another host or come from
 * another site, since acts have no password.
 */
import type { AddressInfo } from 'node:net';

import { type ServerType, serve } from '@hono/node-server';
import { Hono } from 'hono';

import { Problem } from '../kernel/problem.ts';
import { mountActs } from './acts.ts';
import { applyAnswer } from './answers.ts';
import type { ApiRequest, WebApi } from './api/web-api.ts';
import type { Desk } from './desk.ts';
import type { Handles } from './handles.ts';
import type { WorkspaceOptions } from './options.ts';
import { mountPage } from './page.ts';
import { WORKSPACE_PORT_TAKEN } from './problems.ts';
import { isRecord, parseJson } from './shared/json.ts';
import type { Command } from './shared/model.ts';
import type { WorkspaceState } from './state.ts';
import { mountStream } from './stream.ts';

export interface ServerDeps {
  readonly state: WorkspaceState;
  readonly handles: Handles;
  readonly options: WorkspaceOptions;
  readonly commands: readonly Command[];
  readonly desk: Desk;
  readonly api: WebApi;
}

export interface RunningServer extends AsyncDisposable {
  readonly port: number;
}

/** @throws Problem WORKSPACE_PORT_TAKEN */
export async function startServer(deps: ServerDeps): Promise<RunningServer> {
  const stopping = new AbortController();
  const app = new Hono();
  app.use('*', async (c, next) => {
    if (!isLocal(c.req.header('host') ?? '')) return c.text('Ask for 127.0.0.1', 421);
    await next();
    return undefined;
  });
  mountApi(app, deps.api);
  mountResponses(app, deps);
  mountActs(app, deps);
  mountStream(app, deps, stopping.signal);
  mountPage(app);
  const server = await listen(app, deps.options.port);
  return {
    port: server.port,
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error('The workspace is closed'));
      const closed = new Promise<void>((resolve) => server.http.close(() => resolve()));
      if ('closeAllConnections' in server.http) server.http.closeAllConnections();
      await closed;
    },
  };
}

function isLocal(host: string): boolean {
  return /^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(host);
}

function mountApi(app: Hono, api: WebApi): void {
  app.on(['GET', 'POST'], '/api/:method', async (c) => {
    const request: ApiRequest = {
      method: c.req.param('method'),
      contentType: c.req.header('content-type') ?? '',
      authorization: c.req.header('authorization') ?? '',
      body: c.req.method === 'POST' ? await c.req.text() : '',
      query: c.req.query(),
    };
    const answer = api(request);
    return c.json(answer.body, answer.status, { ...answer.headers });
  });
}

function mountResponses(app: Hono, { handles, state }: ServerDeps): void {
  app.post('/respond/:id', async (c) => {
    const body = parseJson(await c.req.text());
    const use = handles.useResponse(c.req.param('id'));
    if (use.outcome === 'bad') return c.json({ ok: false, error: use.error }, 404);
    if (!isRecord(body)) return c.json({ ok: false, error: 'invalid_payload' }, 400);
    const answered = applyAnswer(state, use.place, body);
    if (answered.outcome === 'good') return c.json({ ok: true });
    const { error, messages } = answered;
    return c.json({ ok: false, error, response_metadata: { messages } }, 400);
  });
}

async function listen(
  app: Hono,
  port: number,
): Promise<{ readonly http: ServerType; readonly port: number }> {
  return new Promise((resolve, reject) => {
    const http = serve({ fetch: app.fetch, port, hostname: '127.0.0.1' }, (info: AddressInfo) => {
      resolve({ http: http, port: info.port });
    });
    http.once('error', (cause: Error) => {
      reject(
        new Problem(WORKSPACE_PORT_TAKEN, `Cannot open the workspace on port ${port}`, {
          facts: { port },
          cause,
        }),
      );
    });
  });
}
