/** The walk over a real catalogue: two people, restarts, runs that end, and updates. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { Catalog } from '../../src/catalog/catalog.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { updateOperation } from '../../src/communications/operation.ts';
import { createUpdates } from '../../src/communications/updates.ts';
import { createGate } from '../../src/gate/create-gate.ts';
import type { AskRequest } from '../../src/gate/gate.ts';
import type { Actor } from '../../src/gate/people.ts';
import { systemProcesses } from '../../src/gate/processes.ts';
import { createRegistry } from '../../src/gate/registry.ts';
import { incidentFollower } from '../../src/incidents/follower.ts';
import type { IncidentDeps, Incidents } from '../../src/incidents/incidents.ts';
import { incidentOperation } from '../../src/incidents/operation.ts';
import { createIncidents } from '../../src/incidents/verbs.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { readRunbooks } from '../../src/runbooks/read-runbooks.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { testRun } from '../support/test-run.ts';
import { toyOperation } from '../support/toy-operation.ts';
import { waitUntil } from '../support/wait-until.ts';

const ANA: Actor = { kind: 'slack', id: 'U1', name: 'ana', zone: 'UTC' };
const BEN: Actor = { kind: 'slack', id: 'U2', name: 'ben', zone: 'UTC' };
const EVE: Actor = { kind: 'slack', id: 'U3', name: 'eve', zone: 'UTC' };
const RUNBOOKS = await readRunbooks(join(import.meta.dirname, '../../runbooks'));
const RESTORE = 'bring-copies-of-the-tables-back-beside-the-damaged-ones';

const APPROVALS = { high: 1, expires: Temporal.Duration.from('PT30M'), self: false };

let folder: TemporaryFolder;
let catalog: Catalog;
let deps: IncidentDeps;
let incidents: Incidents;
let asked: AskRequest[];
const { signal } = new AbortController();

beforeEach(async () => {
  folder = await temporaryFolder();
  asked = [];
  await openHouse();
});

afterEach(async () => {
  await catalog[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function openHouse(): Promise<void> {
  const clock = systemClock;
  catalog = await openSqliteCatalog({ path: join(folder.path, 'catalog'), clock });
  const people = {
    rolesOf: async ({ id }: Actor) => (id === 'U3' ? [] : (['operator', 'approver'] as const)),
    approvers: async () => ['U2'],
  };
  const gate = createGate({
    catalog,
    registry: createRegistry([
      toyOperation('restore', 'low'),
      toyOperation('status', 'none'),
      toyOperation('backup', 'low'),
    ]),
    people,
    approvals: APPROVALS,
    clock,
    log: silentLog,
    processes: systemProcesses(),
  });
  deps = {
    catalog,
    people,
    runbooks: RUNBOOKS,
    servers: ['shop'],
    clock,
    gate: () => ({
      ...gate,
      ask: async (request) => {
        asked.push(request);
        return gate.ask(request);
      },
    }),
  };
  incidents = createIncidents(deps);
  performAll = async () => {
    for (const run of await catalog.runs.startable(
      systemClock.now().toString({ fractionalSecondDigits: 6 }),
      10,
    ))
      await gate.perform(run.runId, { signal });
  };
  follow = async (stop) =>
    incidentFollower({ gate, cursors: catalog.cursors, incidents }).run({
      signal: stop,
      ready: () => undefined,
    });
}

let performAll: () => Promise<void>;
let follow: (stop: AbortSignal) => Promise<void>;

async function restart(): Promise<void> {
  await catalog[Symbol.asyncDispose]();
  await openHouse();
}

async function open(): Promise<string> {
  const view = await incidents.open({
    server: 'shop',
    scenario: 'rows or a table gone',
    at: Temporal.Instant.from('2026-11-22T14:42:00Z'),
    tables: ['orders'],
    note: undefined,
    actor: ANA,
    audience: 'slack:C0OPS',
    signal,
  });
  return view.id;
}

function step(incidentId: string, stepId: string, actor: Actor, action: 'do' | 'skip' = 'do') {
  return { incidentId, stepId, action, actor, audience: 'slack:C0OPS', signal } as const;
}

async function stateOf(id: string, stepId: string): Promise<string | undefined> {
  return (await incidents.require(id)).steps.find((one) => one.id === stepId)?.state;
}

describe('an incident', () => {
  test('opens with the exact command and the verification query of each step', async () => {
    const view = await incidents.require(await open());

    const restore = view.steps.find(({ id }) => id === RESTORE);
    expect(restore).toMatchObject({
      command: 'npx dbdr restore shop --to 2026-11-22T14:42:00Z --tables orders',
      by: 'operation',
      state: 'open',
    });
    expect(view.steps.map(({ verification }) => verification).join('\n')).not.toContain('{{');
    expect(view.nextStepId).toBe(view.steps[0]?.id);
  });

  test('starts a step once when two people click it at once', async () => {
    const id = await open();

    const said = await Promise.all([
      incidents.step(step(id, RESTORE, ANA)),
      incidents.step(step(id, RESTORE, BEN)),
    ]);

    expect(await catalog.runs.list({ limit: 10 })).toHaveLength(1);
    expect(said.filter((text) => text.includes('started'))).toHaveLength(1);
    expect(said.filter((text) => text.includes('under way'))).toHaveLength(1);
  });

  test('asks the gate as the person who clicked, with words its schema reads', async () => {
    await incidents.step(step(await open(), RESTORE, ANA));

    expect(asked).toMatchObject([
      {
        operation: 'restore',
        actor: ANA,
        input: { server: 'shop', to: '2026-11-22T14:42:00Z', tables: ['orders'] },
      },
    ]);
  });

  test('survives a restart in the middle of a step, and learns that its run has ended', async () => {
    const id = await open();
    await incidents.step(step(id, RESTORE, ANA));
    await restart();
    expect(await stateOf(id, RESTORE)).toBe('running');

    await performAll();
    await restart();
    const stop = new AbortController();
    const following = follow(stop.signal);
    await waitUntil(async () => (await stateOf(id, RESTORE)) === 'done');
    stop.abort();
    await following;

    expect((await incidents.events(id)).at(-1)?.text).toMatch(/is done$/);
    expect(
      (await incidents.require(id)).steps.find((one) => one.title.startsWith('Compare'))?.command,
    ).toMatch(/FROM dbdr_restored_r_\d{8}t\d{6}_[0-9a-f]{6}\.orders\)/);
  });

  test('answers an operation that only looks at once', async () => {
    const id = await open();

    await incidents.step(step(id, 'see-how-far-back-you-can-go', ANA));

    expect(await stateOf(id, 'see-how-far-back-you-can-go')).toBe('done');
  });

  test('refuses an outsider, a step that is not there, and an incident that is not there', async () => {
    const id = await open();

    await expect(incidents.step(step(id, RESTORE, EVE))).rejects.toThrow('not an operator');
    await expect(incidents.step(step(id, 'nowhere', ANA))).rejects.toThrow('Cannot find step');
    await expect(incidents.step(step(`${id}x`, RESTORE, ANA))).rejects.toThrow(
      expect.objectContaining({ hint: `Did you mean \`${id}\`?` }),
    );
  });

  test('does not start what it does not know enough for, and says how to tell it', async () => {
    const view = await incidents.open({
      server: 'shop',
      scenario: 'gone',
      at: undefined,
      tables: [],
      note: undefined,
      actor: ANA,
      audience: 'slack:C0OPS',
      signal,
    });

    const hint: unknown = expect.stringContaining(`incident note ${view.id} --when`);
    await expect(incidents.step(step(view.id, RESTORE, ANA))).rejects.toThrow(
      expect.objectContaining({ hint }),
    );
    expect(asked).toEqual([]);
    await incidents.learn({
      incidentId: view.id,
      actor: ANA,
      signal,
      learned: { at: Temporal.Instant.from('2026-11-22T14:42:00Z') },
    });
    await incidents.step(step(view.id, RESTORE, ANA));
    expect(asked).toHaveLength(1);
  });

  test('gives two incidents of one day their own names, and closes one', async () => {
    const [first, second] = [await open(), await open()];
    expect(second).toBe(`${first}-2`);

    await incidents.close({ incidentId: first, actor: BEN, signal });

    expect((await incidents.listOpen()).map(({ id }) => id)).toEqual([second]);
    expect(await incidents.step(step(first, RESTORE, ANA))).toBe('The incident is closed.');
  });

  test('is told of at a terminal, each change by its own run', async () => {
    const operation = incidentOperation({
      incidents,
      servers: ['shop'],
      clock: systemClock,
      audience: '',
    });
    const words = operation.input.parse({
      action: 'open',
      subject: 'shop',
      what: 'gone',
      tables: ['orders'],
    });
    const { plan } = await operation.prepare(words, { actor: ANA, signal });
    const opened = await operation.run(plan, testRun());
    const id = opened.incidents[0]?.incidentId ?? '';
    const ticking = operation.input.parse({ action: 'tick', subject: id, step: '1' });
    const ticked = await operation.run(
      (await operation.prepare(ticking, { actor: ANA, signal })).plan,
      testRun(),
    );

    expect(operation.danger(plan)).toBe('low');
    expect(operation.result.parse(ticked).incidents[0]).toMatchObject({ nextStep: 2 });
    expect(ticked.incidents[0]?.timeline.map(({ text }) => text)).toEqual([
      expect.stringContaining('opened the incident'),
      expect.stringContaining('did "Stop what does the damage"'),
    ]);
  });
});

describe('an update', () => {
  test('is drafted from the incident, composed, and its time is kept with when the next is due', async () => {
    const id = await open();
    const updates = createUpdates({ incidents, clock: systemClock });
    const words = await updates.draft(id);
    const at = Temporal.Instant.from('2026-11-22T14:56:00Z');

    const text = (await updates.compose(words, ANA)).title;
    await updates.posted({ words, text, actor: ANA, channel: 'C0NEWS', ts: '1.2', at, signal });

    expect((await incidents.require(id)).updates).toEqual({
      count: 1,
      lastAt: '2026-11-22T14:56:00.000000Z',
      nextDueAt: '2026-11-22T15:16:00.000000Z',
    });
    expect((await incidents.events(id)).at(-1)).toMatchObject({ data: { ts: '1.2' } });
  });

  test('is published by its operation, and shown whole in the plan before', async () => {
    const id = await open();
    const published: string[] = [];
    const operation = updateOperation({
      incidents,
      clock: systemClock,
      publisher: {
        publish: async (audience, update) => {
          published.push(`${audience}: ${update.title}`);
          return { channel: 'C0NEWS', ts: '1.3', postedAt: systemClock.now() };
        },
      },
    });
    const input = operation.input.parse({ template: 'first-notice', impact: 'No labels.' });

    const { plan } = await operation.prepare(input, { actor: BEN, signal });
    const result = await operation.run(plan, testRun());

    expect(plan).toMatchObject({ incidentId: id, impact: 'No labels.', nextInMinutes: 20 });
    expect(published).toEqual([
      expect.stringMatching(/^stakeholders: Update 1 · \d\d:\d\d UTC · shop$/),
    ]);
    expect(result.text).toContain('ben, for the incident team');
    expect((await incidents.require(id)).updates.count).toBe(1);
  });

  test('without a chat gives the text to send by hand', async () => {
    await open();
    const operation = updateOperation({ incidents, clock: systemClock, publisher: undefined });
    const { plan } = await operation.prepare(operation.input.parse({}), { actor: BEN, signal });

    await expect(operation.run(plan, testRun())).rejects.toThrow(
      /no chat is configured:\nUpdate 1/,
    );
  });
});
