/**
 * A tiny app for tests of the workspace: takes signed requests, answers what the test says, and calls
 * the Web API back. Not the real bot: small enough to see what the workspace itself does.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import { text } from 'node:stream/consumers';

import { systemClock } from '../../src/kernel/clock.ts';
import { silentLog } from '../../src/kernel/log.ts';
import type { WorkspaceOptions } from '../../src/workspace/options.ts';
import { isRecord, type JsonRecord, parseJson, textAt } from '../../src/workspace/shared/json.ts';
import { signatureOf } from '../../src/workspace/to-app.ts';
import { startWorkspace, type Workspace } from '../../src/workspace/workspace.ts';
import { approvalBlocks, incidentForm } from './workspace-forms.ts';

export const TOKEN = 'xoxb-of-the-tests';
const SIGNING_SECRET = 'a-signing-secret-of-the-tests-only';

/** What the workspace sent: a command's fields, or an interaction's payload. */
export interface AppRequest {
  readonly type: string;
  readonly payload: JsonRecord;
  readonly isSigned: boolean;
}

/** The body of the acknowledgement; `'silence'` never answers. */
export type Answering = (request: AppRequest) => unknown;

export interface WorkspaceBot extends AsyncDisposable {
  readonly workspace: Workspace;
  readonly requests: AppRequest[];
  answer(answering: Answering): void;
  call(method: string, args: JsonRecord, token?: string): Promise<JsonRecord>;
}

export async function startWorkspaceBot(
  options: Partial<WorkspaceOptions> = {},
): Promise<WorkspaceBot> {
  const requests: AppRequest[] = [];
  let answering: Answering | undefined;
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const read = readRequest(request, await readBody(request));
    requests.push(read);
    const answer = (await answering?.(read)) ?? '';
    if (answer === 'silence') return;
    response.setHeader('content-type', 'application/json');
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  }

  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const workspace = await startWorkspace({
    port: 0,
    people: PEOPLE,
    channels: CHANNELS,
    userGroups: [{ id: 'S0APPROVE', handle: 'approvers', name: 'Approvers', users: ['U0BEN'] }],
    botToken: TOKEN,
    signingSecret: SIGNING_SECRET,
    requestUrl: `http://127.0.0.1:${port}/slack/events`,
    clock: systemClock,
    log: silentLog,
    ...options,
  });
  return {
    workspace,
    requests,
    answer(next) {
      answering = next;
    },
    async call(method, args, token = TOKEN) {
      const response = await fetch(`${workspace.apiUrl}${method}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify(args),
      });
      const answer: unknown = await response.json();
      return isRecord(answer) ? answer : {};
    },
    async [Symbol.asyncDispose]() {
      await workspace[Symbol.asyncDispose]();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const PEOPLE = [
  { id: 'U0ANA', name: 'ana', realName: 'Ana Ruiz', title: 'Asks', zone: 'Europe/Berlin' },
  { id: 'U0BEN', name: 'ben', realName: 'Ben Okafor', title: 'Approver', zone: 'Europe/London' },
  { id: 'U0OTTO', name: 'otto', realName: 'Otto Lind', title: 'Outsider', zone: 'Europe/Berlin' },
] as const;

const CHANNELS = [
  { id: 'C0OPS', name: 'ops', topic: 'Backups, proofs and bad days' },
  { id: 'C0NEWS', name: 'stakeholders', topic: 'What everybody should know' },
  { id: 'C0CLOSED', name: 'closed', appIsMember: false, members: ['U0ANA'] },
] as const;

/** The app opens the form for whoever types. */
export function openingForms(bot: WorkspaceBot): void {
  bot.answer(async ({ type, payload }) => {
    if (type === 'command')
      await bot.call('views.open', { trigger_id: payload['trigger_id'], view: incidentForm() });
    return '';
  });
}

/** Answers the time stamp of the message. */
export async function postApproval(bot: WorkspaceBot): Promise<string> {
  const posted = await bot.call('chat.postMessage', {
    channel: 'C0OPS',
    text: 'Needs approval',
    blocks: approvalBlocks(),
  });
  return textAt(posted, 'ts');
}

function readRequest(request: IncomingMessage, body: string): AppRequest {
  const fields = Object.fromEntries(new URLSearchParams(body));
  const payload = parseJson(fields['payload'] ?? '');
  const seconds = String(request.headers['x-slack-request-timestamp']);
  const isSigned =
    request.headers['x-slack-signature'] === signatureOf(SIGNING_SECRET, seconds, body);
  return isRecord(payload)
    ? { type: textAt(payload, 'type'), payload, isSigned }
    : { type: 'command', payload: fields, isSigned };
}

async function readBody(request: IncomingMessage): Promise<string> {
  return text(request);
}
