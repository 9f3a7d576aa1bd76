/**
 * Reads one page of `runbooks/` (its format: `runbooks/README.md`). Pure. Refuses what a tired person
 * could misread: an operation without its exact command, a command that asks for something else, an
 * input that nobody declared.
 */
import { marked, type Token, type Tokens } from 'marked';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';

import { Problem } from '../kernel/problem.ts';
import { commandOf, namesIn } from './fill.ts';
import { RUNBOOK_UNREADABLE } from './problems.ts';
import {
  FrontMatter,
  type Runbook,
  type RunbookStep,
  type StepBlock,
  StepYaml,
} from './runbook.ts';

const FRONT_MATTER = /^---\n([\s\S]*?)\n---\n/;
const ESTIMATE = /^Estimate: (\d+(?:\.\d+)?) (s|min|h)$/;
const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3600 };

/** @throws Problem RUNBOOK_UNREADABLE */
export function parseRunbook(file: string, text: string): Runbook {
  const head = FRONT_MATTER.exec(text);
  if (head === null) throw unreadable(file, 'it does not begin with front matter');
  const front = readYaml(file, head[1] ?? '', FrontMatter);
  if (file !== `${front.id}.md`) throw unreadable(file, `its id is "${front.id}"`);
  const [introduction, ...sections] = splitSteps(marked.lexer(text.slice(head[0].length)));
  const steps = sections.map((section) => readStep(file, section));
  if (steps.length === 0) throw unreadable(file, 'it has no step');
  const ids = steps.map(({ id }) => id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw unreadable(file, `two steps have the heading "${twice}"`);
  const book = { ...front, file, introduction: proseOf(introduction?.tokens ?? []), steps };
  checkInputs(file, book);
  return book;
}

interface Section {
  readonly title: string;
  readonly tokens: readonly Token[];
}

/** What stands before the first `##` comes first, without a title. */
function splitSteps(tokens: readonly Token[]): readonly Section[] {
  const sections: { title: string; tokens: Token[] }[] = [{ title: '', tokens: [] }];
  for (const token of tokens) {
    if (token.type === 'heading' && token['depth'] === 2)
      sections.push({ title: String(token['text']), tokens: [] });
    else sections.at(-1)?.tokens.push(token);
  }
  return sections;
}

function readStep(file: string, { title, tokens }: Section): RunbookStep {
  const place = `${file}, step "${title}"`;
  const fences = tokens.filter(isFence);
  const block = onlyFence(place, fences, 'yaml step');
  const command = onlyFence(place, fences, 'sh');
  const verifySql = onlyFence(place, fences, 'sql verify');
  const odd = fences.find(({ lang }) => !['yaml step', 'sh', 'sql verify'].includes(lang ?? ''));
  if (odd !== undefined) throw unreadable(place, `it has a block of "${odd.lang ?? ''}"`);
  const step: RunbookStep = {
    id: title
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replaceAll(/^-|-$/g, ''),
    title,
    prose: proseOf(tokens),
    estimateSeconds: estimateOf(place, tokens),
    command,
    block: block === null ? null : readBlock(place, block),
    verifySql,
  };
  checkCommand(place, step);
  return step;
}

function isFence(token: Token): token is Tokens.Code {
  return token.type === 'code';
}

function onlyFence(place: string, fences: readonly Tokens.Code[], kind: string): string | null {
  const found = fences.filter(({ lang }) => lang === kind);
  if (found.length > 1) throw unreadable(place, `it has more than one block of "${kind}"`);
  return found[0]?.text ?? null;
}

/** Everything that is neither code nor the estimate, as it is written. */
function proseOf(tokens: readonly Token[]): string {
  return tokens
    .filter((token) => !isFence(token) && !ESTIMATE.test(token.raw.trim()))
    .map(({ raw }) => raw)
    .join('')
    .trim();
}

function estimateOf(place: string, tokens: readonly Token[]): number {
  const lines = tokens.flatMap(({ raw }) => ESTIMATE.exec(raw.trim()) ?? []);
  const [, count, unit] = lines;
  if (lines.length !== 3 || count === undefined || unit === undefined)
    throw unreadable(place, 'it needs one line such as "Estimate: 4 min"');
  return Number(count) * (UNIT_SECONDS[unit] ?? 1);
}

function readBlock(place: string, text: string): StepBlock {
  const { operation, arguments: values } = readYaml(place, text, StepYaml);
  return { operation, arguments: Object.entries(values) };
}

function checkCommand(place: string, step: RunbookStep): void {
  if (step.block === null) return;
  const expected = commandOf(step.block);
  if (step.command?.trim() !== expected)
    throw unreadable(place, `its sh block must say what dbdr asks for: ${expected}`);
}

function checkInputs(file: string, book: Runbook): void {
  for (const { title, prose, command, block, verifySql } of book.steps) {
    const texts = [prose, command ?? '', verifySql ?? '', JSON.stringify(block ?? {})];
    const stranger = namesIn(texts.join('\n')).find((name) => !(name in book.inputs));
    if (stranger !== undefined)
      throw unreadable(`${file}, step "${title}"`, `it uses {{${stranger}}}, which is no input`);
  }
}

function readYaml<T>(place: string, text: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = parseYaml(text);
  } catch (error) {
    throw unreadable(place, String(error), error);
  }
  const read = schema.safeParse(value);
  if (!read.success) throw unreadable(place, z.prettifyError(read.error), read.error);
  return read.data;
}

function unreadable(place: string, state: string, cause?: unknown): Problem {
  return new Problem(RUNBOOK_UNREADABLE, `Cannot read runbook ${place}: ${state}`, { cause });
}
