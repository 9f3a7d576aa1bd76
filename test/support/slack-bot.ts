/**
 * The real Slack app before a real gate and catalogue, with small operations and a fake Slack behind
 * it: for tests of what a click or a command does.
 */
import { z } from 'zod';

import type { Catalog } from '../../src/catalog/catalog.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { SlackSection } from '../../src/config/sections/slack.ts';
import { createGate } from '../../src/gate/create-gate.ts';
import type { Gate } from '../../src/gate/gate.ts';
import type { AnyOperation, Operation } from '../../src/gate/operation.ts';
import { systemProcesses } from '../../src/gate/processes.ts';
import { createRegistry } from '../../src/gate/registry.ts';
import { composedPeople } from '../../src/gate/terminal-people.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { type SlackApp, startSlackApp } from '../../src/slack/app.ts';
import { slackChat } from '../../src/slack/chat.ts';
import type { IncidentView, SlackDeps, UpdateWords } from '../../src/slack/deps.ts';
import { slackPeople } from '../../src/slack/people.ts';
import { type FakeSlack, fakeSlack, SECRET, sendSigned, TEAM } from './fake-slack.ts';
import { sampleFailedProof } from './proof-samples.ts';
import { sampleIncident } from './slack-samples.ts';
import { temporaryFolder } from './temporary-folder.ts';

export const BOT_TOKEN = 'xoxb-of-the-tests';

/** The app and what is behind it, before whatever Slack answers at `apiUrl`. */
export interface BareBot extends AsyncDisposable {
  readonly app: SlackApp;
  readonly gate: Gate;
  readonly catalog: Catalog;
  readonly deps: SlackDeps;
  /** The words of each update that was noted as posted. */
  readonly updatesPosted: UpdateWords[];
}

export interface SlackBot extends BareBot {
  readonly slack: FakeSlack;
  type(userId: string, text: string, triggerId?: string): Promise<Response>;
  click(userId: string, actionId: string, value: string): Promise<Response>;
  submit(userId: string, view: Readonly<Record<string, unknown>>): Promise<Response>;
}

const USERS = [
  { id: 'U0ANA', name: 'ana', tz: 'Europe/Berlin' },
  { id: 'U0BEN', name: 'ben', tz: 'Europe/London' },
  { id: 'U0CLEO', name: 'cleo', tz: 'America/New_York' },
  { id: 'U0OTTO', name: 'otto', tz: 'Europe/Berlin' },
  { id: 'U0GUEST', name: 'guest', tz: 'UTC', is_restricted: true },
  { id: 'U0ALIEN', name: 'alien', tz: 'UTC', team_id: 'T0OTHER' },
];

export async function startSlackBot(): Promise<SlackBot> {
  const slack = await fakeSlack({ users: USERS, groups: { S0APPROVE: ['U0BEN'] } });
  const bot = await startBareBot(slack.apiUrl);
  return {
    ...bot,
    slack,
    ...senders(slack, bot.app.port),
    async [Symbol.asyncDispose]() {
      await bot[Symbol.asyncDispose]();
      await slack[Symbol.asyncDispose]();
    },
  };
}

export async function startBareBot(apiUrl: string): Promise<BareBot> {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  const [clock, log] = [systemClock, silentLog];
  const catalog = stack.use(await openSqliteCatalog({ path: `${folder.path}/c.db`, clock }));
  const section = SlackSection.parse({
    port: 0,
    api_url: apiUrl,
    channels: { ops: 'C0OPS', stakeholders: 'C0NEWS' },
    people: { operators: ['U0ANA'], approvers: ['S0APPROVE', 'U0CLEO'] },
    bot_token: BOT_TOKEN,
    signing_secret: SECRET,
  });
  const chat = slackChat({ section, log });
  const people = slackPeople({ chat, section, clock });
  const registry = createRegistry(OPERATIONS);
  const gate = createGate({
    catalog,
    registry,
    people: composedPeople(people),
    approvals: { high: 1, expires: Temporal.Duration.from('PT30M'), self: false },
    clock,
    log,
    processes: systemProcesses(),
  });
  const updatesPosted: UpdateWords[] = [];
  const told = stories(updatesPosted);
  const beside = { servers: ['shop'], clock, log, ...told };
  const deps: SlackDeps = { section, gate, catalog, chat, people, registry, ...beside };
  const app = stack.use(await startSlackApp(deps));
  return {
    app,
    gate,
    catalog,
    deps,
    updatesPosted,
    [Symbol.asyncDispose]: async () => stack.disposeAsync(),
  };
}

function senders(slack: FakeSlack, port: number): Pick<SlackBot, 'type' | 'click' | 'submit'> {
  let triggers = 0;
  function interact(payload: object): Promise<Response> {
    return sendSigned({ port, fields: { payload: JSON.stringify(payload) } });
  }
  return {
    async type(userId, text, triggerId) {
      triggers += 1;
      return sendSigned({
        port,
        fields: {
          command: '/dbdr',
          text,
          user_id: userId,
          team_id: TEAM,
          channel_id: 'C0OPS',
          channel_name: 'ops',
          trigger_id: triggerId ?? `trigger-${triggers}`,
          response_url: slack.responseUrl(),
        },
      });
    },
    async click(userId, actionId, value) {
      return interact({
        type: 'block_actions',
        user: { id: userId, team_id: TEAM },
        team: { id: TEAM },
        channel: { id: 'C0OPS' },
        message: { ts: '1.1' },
        container: { channel_id: 'C0OPS' },
        trigger_id: 'trigger-click',
        response_url: slack.responseUrl(),
        actions: [{ type: 'button', action_id: actionId, block_id: 'b1', value }],
      });
    },
    async submit(userId, view) {
      return interact({
        type: 'view_submission',
        user: { id: userId, team_id: TEAM },
        team: { id: TEAM },
        view: { id: 'V1', type: 'modal', private_metadata: '{"channel":"C0OPS"}', ...view },
      });
    },
  };
}

/** Incidents and updates as plain stories. */
function stories(posted: UpdateWords[]): Pick<SlackDeps, 'incidents' | 'updates'> {
  const open = new Map<string, IncidentView>();
  return {
    incidents: {
      scenarios: [
        { id: 'gone', title: 'Rows or a table are gone' },
        { id: 'change', title: 'A migration or deploy did damage' },
      ],
      async open({ server, actor }) {
        const view = sampleIncident({ server, lead: actor });
        open.set(view.id, view);
        return Promise.resolve(view);
      },
      view: async (id) => Promise.resolve(open.get(id)),
      listOpen: async () => Promise.resolve([...open.values()]),
      step: async ({ stepId }) => Promise.resolve(`Step "${stepId}" is under way`),
      close: async () => Promise.resolve('It is closed'),
      eventsAfter: async () => Promise.resolve([]),
    },
    updates: {
      draft: async (incidentId) =>
        Promise.resolve({ incidentId, what: 'w', impact: 'i', doing: 'd', nextInMinutes: 20 }),
      compose: async (words, author) =>
        Promise.resolve({
          title: 'Update 1 · 14:56 UTC · shop',
          parts: [['What', words.what]],
          signature: `${author.name}, for the incident team`,
        }),
      posted: async ({ words }) => {
        posted.push(words);
        return Promise.resolve();
      },
    },
  };
}

const Empty = z.strictObject({ plan: z.boolean().optional().describe('only look') });
const Plan = z.strictObject({ what: z.string() });

function operationOf(
  name: string,
  danger: 'none' | 'low' | 'high',
  followUps: readonly string[] = [],
): AnyOperation {
  const operation: Operation<z.infer<typeof Empty>, z.infer<typeof Plan>> = {
    name,
    summary: name,
    words: { positional: [], describe: { plan: 'only look' }, examples: [name] },
    input: Empty,
    plan: Plan,
    result: z.any(),
    prepare: async () => Promise.resolve({ plan: { what: name } }),
    danger: () => danger,
    locks: () => [],
    explain: () => ({
      title: `Do ${name} on shop`,
      facts: [['Server', 'shop']],
      warnings: [],
      approveLabel: `Approve ${name} of shop`,
      command: `npx dbdr ${name}`,
    }),
    recheck: async () => Promise.resolve(),
    run: async (_plan, run) =>
      run.step(`The work of ${name}`, async () => Promise.resolve({ did: name })),
    followUps: () => followUps.map((next) => ({ operation: next, input: {} })),
  };
  return operation;
}

const STATUS = {
  servers: [
    {
      server: 'shop',
      recoverableFrom: '2026-11-08T02:11:04.000000Z',
      recoverableTo: '2026-11-22T14:51:58.000000Z',
    },
  ],
};

const OPERATIONS: readonly AnyOperation[] = [
  { ...operationOf('status', 'none'), run: async () => Promise.resolve(STATUS) },
  operationOf('look', 'none'),
  operationOf('harmless', 'low'),
  operationOf('dangerous', 'high'),
  operationOf('pair', 'low', ['dangerous']),
  {
    ...operationOf('verify', 'low'),
    plan: z.strictObject({ server: z.string() }),
    prepare: async () => Promise.resolve({ plan: { server: 'shop' } }),
    run: async () => Promise.resolve(failedProof()),
  },
];

/** Of more tables than stand on one page. */
function failedProof(): ReturnType<typeof sampleFailedProof> {
  const { tables, ...proof } = sampleFailedProof();
  const more = tables.slice(1).flatMap((table) => {
    return Array.from({ length: 60 }, (_each, at) => ({ ...table, table: `t_${at}` }));
  });
  return { ...proof, tables: [...tables, ...more] };
}
