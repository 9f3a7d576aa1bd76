/** The process is killed between every two states; the next start ends the run in truth. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import type { RunRecord } from '../../src/catalog/runs.ts';
import { recover } from '../../src/gate/recover.ts';
import { createJournal } from '../../src/journal/journal.ts';
import {
  directorySweeper,
  hasDirectory,
  type Moment,
  markOperation,
} from '../support/mark-operation.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { BEN, CARL, SIGNAL, type ToyGate, toyGate } from '../support/toy-gate.ts';

const CHILD = fileURLToPath(new URL('../support/gate-child.ts', import.meta.url));

interface Child {
  readonly process: ChildProcess;
  readonly lines: AsyncIterator<string>;
}

/** Started, and waiting for the word. */
async function startChild(path: string, verb: string, argument: string): Promise<Child> {
  const child = spawn(process.execPath, [CHILD, path, verb, argument], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect(await lines.next()).toMatchObject({ value: '"ready"' });
  return { process: child, lines };
}

async function letLive(path: string, moment: Moment): Promise<string | null> {
  const { process: child } = await startChild(path, 'live', moment);
  const ended = once(child, 'exit');
  child.stdin?.write('go\n');
  await ended;
  return child.signalCode;
}

/** The next start: a gate over the same file. */
async function restart(path: string): Promise<ToyGate> {
  const options = { folder: dirname(path), at: () => undefined };
  return toyGate({ path, operations: [markOperation('repair', 'high', options)] });
}

function recoverWith(at: ToyGate): ReturnType<typeof recover> {
  const deps = { ...at.deps, sweepers: [directorySweeper()] };
  return recover(deps, { signal: SIGNAL });
}

async function onlyRun(at: ToyGate): Promise<RunRecord> {
  const [run, ...more] = await at.catalog.runs.list({ limit: 9 });
  if (run === undefined || more.length > 0) throw new Error('There is not exactly one run');
  return run;
}

function approve(at: ToyGate, { runId, planHash }: RunRecord): Promise<unknown> {
  const decision = 'approve' as const;
  return at.gate.decide({ runId, decision, actor: BEN, planHash, signal: SIGNAL });
}

describe('a process that is killed', () => {
  test.each(['asked', 'approved'] as const)(
    'after it was %s loses nothing: the next start performs it',
    async (moment) => {
      await using folder = await temporaryFolder();
      const path = join(folder.path, 'catalog.sqlite');
      expect(await letLive(path, moment)).toBe('SIGKILL');
      await using at = await restart(path);

      await recoverWith(at);
      const run = await onlyRun(at);
      expect(run.state).toBe(moment === 'asked' ? 'waiting' : 'approved');
      if (moment === 'asked') await approve(at, run);

      expect(await at.gate.perform(run.runId, { signal: SIGNAL })).toMatchObject({ state: 'done' });
    },
  );

  test.each([
    'claimed',
    'rechecked',
    'in a step',
    'resource claimed',
    'resource made',
    'resource released',
    'before the end',
  ] as const)(
    'at "%s" is closed as interrupted, its claims are swept and its locks are free',
    async (moment) => {
      await using folder = await temporaryFolder();
      const path = join(folder.path, 'catalog.sqlite');
      expect(await letLive(path, moment)).toBe('SIGKILL');
      await using at = await restart(path);
      const left = await onlyRun(at);
      expect(left.state).toBe('running');
      expect(hasDirectory(folder.path, left.runId)).toBe(moment === 'resource made');

      const recovered = await recoverWith(at);

      expect(recovered.interrupted.map(({ runId }) => runId)).toEqual([left.runId]);
      expect(await onlyRun(at)).toMatchObject({
        state: 'interrupted',
        problem: { code: 'GATE_INTERRUPTED' },
      });
      expect(hasDirectory(folder.path, left.runId)).toBe(false);
      expect(await at.catalog.resources.list()).toEqual([]);
      expect(await createJournal(at.catalog.journal).verify()).toMatchObject({ outcome: 'holds' });
      const again = await at.row('repair', { actor: CARL });
      await approve(at, again);
      expect(await at.gate.perform(again.runId, { signal: SIGNAL })).toMatchObject({
        state: 'done',
      });
    },
  );

  test('after the end leaves nothing to recover', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'catalog.sqlite');
    expect(await letLive(path, 'ended')).toBe('SIGKILL');
    await using at = await restart(path);

    expect(await recoverWith(at)).toEqual({ interrupted: [], expired: [], swept: [] });
    expect(await onlyRun(at)).toMatchObject({ state: 'done' });
  });
});

describe('three processes that approve and perform one run at once', () => {
  test('perform it exactly once', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'catalog.sqlite');
    await using at = await restart(path);
    const run = await at.row('repair', { actor: CARL });
    const children = await Promise.all([1, 2, 3].map(() => startChild(path, 'perform', run.runId)));

    for (const child of children) child.process.stdin?.write('go\n');
    const answers = await Promise.all(children.map(({ lines }) => lines.next()));

    const texts = answers.map(({ value }) => String(value));
    expect(texts.filter((text) => text.includes('"done"'))).toHaveLength(1);
    expect(texts.filter((text) => text.includes('GATE_NOT_STARTABLE'))).toHaveLength(2);
    const events = await at.gate.eventsAfter(0, 99);
    expect(events.filter(({ kind }) => kind === 'started')).toHaveLength(1);
    expect(events.filter(({ kind }) => kind === 'approved')).toHaveLength(1);
    expect(await createJournal(at.catalog.journal).verify()).toMatchObject({ outcome: 'holds' });
  });
});
