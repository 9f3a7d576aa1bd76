/** The pages for a bad day: they parse, and nothing in them or in `src/` names what does not exist. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readWords } from '../../src/gate/words.ts';
import { type FilledStep, fillStep } from '../../src/runbooks/fill.ts';
import { readRunbooks } from '../../src/runbooks/read-runbooks.ts';
import { describeOperations } from '../../src/wire-describe.ts';

const TOP = join(import.meta.dirname, '../..');
const BOOKS = await readRunbooks(join(TOP, 'runbooks'));

const REGISTRY = describeOperations();

/** What a page may be told of an incident. */
const SAMPLES = {
  server: 'shop',
  moment: '2026-11-24T14:42:00Z',
  tables: ['orders', 'public.users'],
  table: 'orders',
  schema: 'dbdr_restored_r_20261124t145740_3fa9c1',
  run: 'r-20261124T145740-3fa9c1',
  incident: 'inc-1124-shop',
  proof: 'r-20261124T040000-3fa9c1',
  backup: '20261124T010000Z',
  store: 'west',
};

describe('the runbooks', () => {
  test('are there, and all follow the format', () => {
    expect(BOOKS.all.map(({ id }) => id).toSorted()).toEqual([
      'accidental-deletion',
      'damaged-backup',
      'lost-key',
      'point-in-time',
      'without-dbdr',
    ]);
  });

  test('are listed in their README', () => {
    const readme = readFileSync(join(TOP, 'runbooks/README.md'), 'utf8');

    expect(BOOKS.all.filter(({ file }) => !readme.includes(`](${file})`))).toEqual([]);
  });

  test('name only operations that exist, in steps and in prose', () => {
    const named = BOOKS.all.flatMap(({ introduction, steps }) =>
      [introduction, ...steps.flatMap(({ command, prose }) => [command ?? '', prose])].flatMap(
        (text) => [...text.matchAll(/npx dbdr ([a-z-]+)/g)].map((match) => match[1] ?? ''),
      ),
    );

    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((name) => REGISTRY.find(name) === undefined)).toEqual([]);
  });

  test('have commands that the gate reads, and arguments that fit their schema', () => {
    const filled = BOOKS.all.flatMap(({ steps, inputs }) =>
      steps.map((step) => fillStep(step, inputs, SAMPLES)),
    );
    const commands = filled.flatMap(({ command }) => command?.split('\n') ?? []);
    const ours = commands.filter((line) => line.startsWith('npx dbdr '));
    const steps = filled.filter(({ operation }) => operation !== null);

    expect(ours.length).toBeGreaterThan(0);
    expect(ours.map(misfitOfCommand).filter(Boolean)).toEqual([]);
    expect(steps.length).toBeGreaterThan(0);
    expect(steps.map(misfitOfStep).filter(Boolean)).toEqual([]);
  });

  test('exist wherever a problem names one', () => {
    const named = globSync('src/**/*.ts', { cwd: TOP }).flatMap((path) =>
      [...readFileSync(join(TOP, path), 'utf8').matchAll(/runbook: '([^']+)'/g)].map((match) => ({
        path,
        file: match[1],
      })),
    );

    expect(named.length).toBeGreaterThan(0);
    expect(named.filter(({ file }) => !BOOKS.all.some((book) => book.file === file))).toEqual([]);
  });

  test('answer only codes that some problem or some finding has', () => {
    const codes = globSync('src/**/{problems,run-findings}.ts', { cwd: TOP }).flatMap((path) =>
      [
        ...readFileSync(join(TOP, path), 'utf8').matchAll(
          /(?:code: |const [A-Z_]+ = )'([A-Z0-9_]+)'/g,
        ),
      ].map((match) => match[1]),
    );

    const answered = BOOKS.all.flatMap(({ answers }) => answers);

    expect(answered.filter((code) => !codes.includes(code))).toEqual([]);
  });
});

test('no proof of another store ticks the store that failed', () => {
  const book = BOOKS.require('damaged-backup.md');
  const step = book.steps.find(({ title }) => title === 'Prove the store that failed');
  if (step === undefined) throw new Error('There is no such step');

  expect(fillStep(step, book.inputs, { server: 'shop' }).missing).toEqual(['store']);
});

/** Empty: it fits. */
function misfitOfCommand(line: string): string {
  try {
    const words = readWords(REGISTRY, line.replace('npx dbdr ', ''), { prefix: 'npx dbdr' });
    if (words.outcome === 'help') return `${line}: asks for help`;
    return misfit(words.operation, words.input);
  } catch (error) {
    return `${line}: ${String(error)}`;
  }
}

function misfitOfStep(step: FilledStep): string {
  return misfit(step.operation ?? '', step.arguments);
}

function misfit(operation: string, input: unknown): string {
  const read = REGISTRY.require(operation).input.safeParse(input);
  return read.success ? '' : `${operation} ${JSON.stringify(input)}: ${read.error.message}`;
}
