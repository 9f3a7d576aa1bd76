/** The walk for a damaged backup over a real catalogue: one about each proof that failed, known by its copy. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { Catalog } from '../../src/catalog/catalog.ts';
import type { RunRecord } from '../../src/catalog/runs.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import type { Actor } from '../../src/gate/people.ts';
import type { IncidentView } from '../../src/incidents/describe.ts';
import type { Incidents } from '../../src/incidents/incidents.ts';
import { createIncidents } from '../../src/incidents/verbs.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { RunId } from '../../src/kernel/ids.ts';
import { readRunbooks } from '../../src/runbooks/read-runbooks.ts';
import { runIdOf, sampleRun } from '../support/slack-samples.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { SIGNAL as signal } from '../support/toy-gate.ts';

const ANA: Actor = { kind: 'slack', id: 'U1', name: 'ana', zone: 'UTC' };
const BEN: Actor = { kind: 'slack', id: 'U2', name: 'ben', zone: 'UTC' };
const EVE: Actor = { kind: 'slack', id: 'U3', name: 'eve', zone: 'UTC' };
const COPY = { backupId: '20261122T010000Z', store: 'west' };
const RUNBOOKS = await readRunbooks(join(import.meta.dirname, '../../runbooks'));

let folder: TemporaryFolder;
let catalog: Catalog;
let incidents: Incidents;
let proved: RunRecord;

beforeEach(async () => {
  folder = await temporaryFolder();
  proved = sampleRun({ operation: 'verify', state: 'done', result: { verdict: 'FAIL', ...COPY } });
  catalog = await openSqliteCatalog({ path: join(folder.path, 'catalog'), clock: systemClock });
  incidents = createIncidents({
    catalog,
    people: { rolesOf: async ({ id }) => (id === 'U3' ? [] : ['operator']) },
    runbooks: RUNBOOKS,
    servers: ['shop', 'books'],
    clock: systemClock,
    gate: () => ({
      ask: async () => Promise.reject(new TypeError('Nothing is started here')),
      find: async (runId) => Promise.resolve(runId === proved.runId ? proved : undefined),
    }),
  });
});

afterEach(async () => {
  await catalog[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

function openWalk(
  proof: RunId | undefined,
  { actor = ANA, server = 'shop' } = {},
): Promise<IncidentView> {
  const words = { server, scenario: 'damaged backup', at: undefined, tables: [] };
  const where = { note: undefined, audience: 'slack:C0OPS', signal };
  return incidents.open({ ...words, ...where, actor, proof });
}

describe('the walk for a damaged backup', () => {
  test('is one about a proof, however often and by however many it is opened', async () => {
    const { runId } = proved;

    const opened = await Promise.all([
      openWalk(runId),
      openWalk(runId, { actor: BEN }),
      openWalk(runId),
    ]);

    const [{ id }] = opened;
    expect(opened.map((one) => one.id)).toEqual([id, id, id]);
    expect(await incidents.listOpen()).toHaveLength(1);
    expect(await incidents.events(id)).toHaveLength(1);
    // After it was closed, whoever opens it again means it.
    await incidents.close({ incidentId: id, actor: ANA, signal });
    expect((await openWalk(runId)).id).not.toBe(id);
  });

  test('knows which copy it is about, in its facts and in its commands', async () => {
    const view = await openWalk(proved.runId);

    expect(view).toMatchObject({
      title: 'shop: a backup failed its proof',
      runbook: 'damaged-backup.md',
      facts: [
        ['Damaged', 'backup 20261122T010000Z in "west"'],
        ['Proved by', proved.runId],
      ],
    });
    const commands = view.steps.map(({ command }) => command);
    expect(commands).toContain(`npx dbdr runs --run ${proved.runId}`);
    expect(commands).toContain('npx dbdr verify shop --store west');
    expect(view.steps.filter(({ note }) => note !== undefined)).toEqual([]);
  });

  test('is about the copy whose FAIL stands where nobody names a proof', async () => {
    const code = 'PROOF_FAILED';
    const finding = { code, server: 'shop', runId: runIdOf(7), ...COPY };
    await catalog.findings.open({ code, server: 'shop', finding, at: '2026-11-22T04:15:00Z' });

    expect((await openWalk(undefined)).facts).toContainEqual(['Proved by', runIdOf(7)]);
    await expect(openWalk(undefined, { server: 'books' })).rejects.toMatchObject({
      kind: { code: 'INCIDENT_NO_PROOF_FAILED' },
      hint: expect.stringContaining('`verify books`') as unknown,
    });
  });

  test('opens for no proof that passed, none of another server, and no outsider', async () => {
    const refused = { kind: { code: 'INCIDENT_PROOF_NOT_FAILED' } };

    await expect(openWalk(proved.runId, { server: 'books' })).rejects.toMatchObject(refused);
    await expect(openWalk(runIdOf(9))).rejects.toMatchObject(refused);
    proved = sampleRun({ operation: 'verify', result: { verdict: 'PASS', ...COPY } });
    await expect(openWalk(proved.runId)).rejects.toMatchObject(refused);
    await expect(openWalk(proved.runId, { actor: EVE })).rejects.toMatchObject({
      kind: { code: 'INCIDENT_NOT_ALLOWED' },
    });
    expect(await incidents.listOpen()).toEqual([]);
  });
});

test('two that are opened at once have names of their own', async () => {
  const words = { server: 'shop', scenario: 'gone', at: undefined, tables: [], note: undefined };
  const request = { ...words, actor: ANA, audience: 'slack:C0OPS', signal };

  const opened = await Promise.all([incidents.open(request), incidents.open(request)]);

  expect(new Set(opened.map(({ id }) => id)).size).toBe(2);
});
