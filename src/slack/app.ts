/**
 * The Slack app: Bolt over HTTP with every request's signature checked, its listeners, and the service
 * that follows runs. Promises: it answers within Slack's three seconds, since listeners acknowledge
 * first; it starts with Slack down; stopping it refuses new requests, then lets what is under way end.
 */
import type { Server } from 'node:http';

import { App, HTTPReceiver } from '@slack/bolt';

import type { Log } from '../kernel/log.ts';
import { Problem } from '../kernel/problem.ts';
import type { Service } from '../kernel/service.ts';
import { boltLogger } from './bolt-logger.ts';
import type { SlackDeps } from './deps.ts';
import { createDesk, type Desk, type DeskWithEnd } from './desk.ts';
import { slackFollower } from './follower.ts';
import { incidentMessages } from './incident-messages.ts';
import { listenToIncidentButtons } from './listeners/actions/incidents.ts';
import { listenToProofButtons } from './listeners/actions/proofs.ts';
import { listenToRunButtons } from './listeners/actions/runs.ts';
import { listenToUnknownButtons } from './listeners/actions/unknown.ts';
import { listenToDbdr } from './listeners/commands/dbdr.ts';
import { listenToIncidentForm } from './listeners/views/incident.ts';
import { listenToUpdateForms } from './listeners/views/update.ts';
import { livingMessages } from './living.ts';
import { SLACK_PORT_TAKEN } from './problems.ts';
import { runMessages } from './run-messages.ts';

/** Where Slack sends everything; `manifest.yml` names it three times. */
const EVENTS_PATH = '/slack/events';
const HEALTH_PATH = '/health';

/** Answers to response URLs that take longer are given up; the person is told another way. */
const RESPOND_LIMIT_MS = 10_000;
/** What is under way may take this long once the app stops. */
const STOP_LIMIT_MS = 5000;

export interface SlackApp extends AsyncDisposable {
  /** The port it listens on: the config's, or a free one where the config says 0. */
  readonly port: number;
  /** To be kept alive by `supervision/`: `slack:follower`. */
  readonly services: readonly Service[];
}

/** @throws Problem SLACK_PORT_TAKEN */
export async function startSlackApp(deps: SlackDeps): Promise<SlackApp> {
  const { section, chat, catalog, log } = deps;
  const stopping = new AbortController();
  const living = livingMessages({
    chat,
    messages: catalog.messages,
    opsChannel: section.channels.ops,
  });
  const runs = runMessages(deps, living);
  const incidents = incidentMessages(deps, living);
  const desk = createDesk({ deps, runs, incidents, living, signal: stopping.signal });
  const receiver = createReceiver(section.signing_secret, log);
  listen(createApp(deps, receiver), desk);
  const server = await startReceiver(receiver, section.port);
  return {
    port: portOf(server, section.port),
    services: [slackFollower({ ...deps, runs, incidentBoard: incidents })],
    async [Symbol.asyncDispose]() {
      await stopApp({ receiver, server, desk, stopping });
    },
  };
}

/** Every listener there is; the test of the manifest reads the same list. */
function listen(app: App, desk: Desk): void {
  listenToDbdr(app, desk);
  listenToRunButtons(app, desk);
  listenToProofButtons(app, desk);
  listenToIncidentButtons(app, desk);
  listenToUnknownButtons(app, desk);
  listenToIncidentForm(app, desk);
  listenToUpdateForms(app, desk);
}

function createReceiver(signingSecret: string, log: Log): HTTPReceiver {
  return new HTTPReceiver({
    signingSecret,
    endpoints: [EVENTS_PATH],
    logger: boltLogger(log),
    customRoutes: [
      {
        path: HEALTH_PATH,
        method: 'GET',
        handler(_request, response) {
          response.writeHead(200, { 'content-type': 'application/json' });
          response.end('{"ok":true}');
        },
      },
    ],
  });
}

function createApp(deps: SlackDeps, receiver: HTTPReceiver): App {
  const app = new App({
    receiver,
    logger: boltLogger(deps.log),
    // Asks Slack nothing: the app must start, and say so, with Slack down.
    authorize: async ({ teamId }) =>
      Promise.resolve({
        botToken: deps.section.bot_token,
        ...(teamId === undefined ? {} : { teamId }),
      }),
    clientOptions: {
      ...(deps.section.api_url === undefined ? {} : { slackApiUrl: deps.section.api_url }),
      fetch: async (url, init) =>
        fetch(url, { ...init, signal: AbortSignal.timeout(RESPOND_LIMIT_MS) }),
    },
  });
  app.error(async (error) => {
    deps.log.error('A Slack request was not handled', {
      code: 'SLACK_BUG',
      error: error.message,
    });
    return Promise.resolve();
  });
  return app;
}

async function startReceiver(receiver: HTTPReceiver, port: number): Promise<Server> {
  try {
    return await receiver.start(port);
  } catch (cause) {
    throw new Problem(
      SLACK_PORT_TAKEN,
      `Cannot listen for Slack on port ${port}: it cannot be opened`,
      { facts: { port }, cause },
    );
  }
}

function portOf(server: Server, wished: number): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : wished;
}

interface Stopping {
  readonly receiver: HTTPReceiver;
  readonly server: Server;
  readonly desk: DeskWithEnd;
  readonly stopping: AbortController;
}

/** New requests first, then what is under way; whatever is left after the limit is cut off. */
async function stopApp({ receiver, server, desk, stopping }: Stopping): Promise<void> {
  const limit = AbortSignal.timeout(STOP_LIMIT_MS);
  limit.addEventListener('abort', () => {
    stopping.abort(new Error('The Slack app has stopped'));
    server.closeAllConnections();
  });
  server.closeIdleConnections();
  const closed = receiver.stop().catch(() => undefined);
  const gone = new Promise<void>((resolve) => {
    limit.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([Promise.all([closed, desk.quiet()]), gone]);
  stopping.abort(new Error('The Slack app has stopped'));
}
