/**
 * The one reader of words: what is typed after `/dbdr` in Slack and after `npx dbdr` at a terminal
 * becomes the name of an operation and its input. It shapes only; the operation's schema reads, and
 * `prepare` resolves. What it cannot read is refused with the word that was likely meant.
 */
import { Command, CommanderError, Option } from 'commander';

import { Problem } from '../kernel/problem.ts';
import { type Field, fieldsOf } from './fields.ts';
import type { AnyOperation } from './operation.ts';
import { WORDS_UNREADABLE } from './problems.ts';
import type { Registry } from './registry.ts';
import { mendTokens, splitLine } from './tokens.ts';

export type ReadWords =
  | {
      readonly outcome: 'ask';
      readonly operation: string;
      readonly input: { readonly [key: string]: unknown };
      /** The caller's own flags (`json`, `yes`, …) that were typed. */
      readonly caller: Readonly<Record<string, string | true>>;
    }
  | { readonly outcome: 'help'; readonly text: string };

/** A flag that every operation takes because the caller, not the operation, acts on it. */
export interface CallerFlag {
  /** `json` for `--json`; one word. */
  readonly name: string;
  readonly kind: 'switch' | 'text';
  readonly describe: string;
}

export interface WordsOptions {
  /** What people type before the operation's name, for help: `/dbdr`, `npx dbdr`. */
  readonly prefix: string;
  readonly callerFlags?: readonly CallerFlag[];
}

/** @throws Problem GATE_OPERATION_UNKNOWN, GATE_WORDS_UNREADABLE */
export function readWords(
  registry: Registry,
  words: string | readonly string[],
  options: WordsOptions,
): ReadWords {
  const tokens = mendTokens(typeof words === 'string' ? splitLine(words) : words);
  const [name, ...rest] = callerFlagsLast(tokens, options.callerFlags ?? []);
  if (name === undefined || isHelp(name)) return help(registry, rest, options);
  const operation = registry.require(name);
  if (rest.includes('--help') || rest.includes('-h')) return help(registry, [name], options);
  return readOperation(operation, rest, options);
}

function isHelp(token: string): boolean {
  return token === 'help' || token === '--help' || token === '-h';
}

/** `--json status` means `status --json`. */
function callerFlagsLast(
  tokens: readonly string[],
  flags: readonly CallerFlag[],
): readonly string[] {
  let index = 0;
  while (index < tokens.length) {
    const [name, value] = (tokens[index] ?? '').replace(/^--/, '').split('=', 2);
    const flag = flags.find((known) => known.name === name);
    if (flag === undefined || tokens[index]?.startsWith('--') !== true) break;
    index += flag.kind === 'text' && value === undefined ? 2 : 1;
  }
  return [...tokens.slice(index), ...tokens.slice(0, index)];
}

function help(registry: Registry, rest: readonly string[], options: WordsOptions): ReadWords {
  const [name] = rest.filter((token) => !token.startsWith('-'));
  if (name !== undefined) return { outcome: 'help', text: helpOf(registry.require(name), options) };
  const width = Math.max(0, ...registry.all.map((operation) => operation.name.length));
  const lines = registry.all.map(
    (operation) => `  ${operation.name.padEnd(width)}  ${operation.summary}`,
  );
  const text = [
    `Usage: ${options.prefix} <operation> …`,
    '',
    ...lines,
    '',
    `More: ${options.prefix} help <operation>`,
  ].join('\n');
  return { outcome: 'help', text };
}

function helpOf(operation: AnyOperation, options: WordsOptions): string {
  const { command } = buildCommand(operation, options);
  const examples = operation.words.examples.map((example) => `  ${options.prefix} ${example}`);
  const text = command.helpInformation().trimEnd();
  return examples.length === 0 ? text : [text, '', 'Examples:', ...examples].join('\n');
}

function readOperation(
  operation: AnyOperation,
  tokens: readonly string[],
  options: WordsOptions,
): ReadWords {
  const built = buildCommand(operation, options);
  try {
    built.command.parse([...tokens], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) throw unreadable(operation, error);
    throw error;
  }
  const typed: Readonly<Record<string, unknown>> = built.command.opts();
  const places: readonly unknown[] = built.command.processedArgs;
  const input: Record<string, unknown> = {};
  for (const { field, attribute } of built.fields) {
    const place = places[operation.words.positional.indexOf(field.name)];
    const value = isTyped(place) ? place : typed[attribute];
    if (isTyped(value)) input[field.name] = value;
  }
  const caller: Record<string, string | true> = {};
  for (const { name } of options.callerFlags ?? []) {
    const value = typed[name];
    const isTheirs = built.fields.every(({ attribute }) => attribute !== name);
    if (isTheirs && (typeof value === 'string' || value === true)) caller[name] = value;
  }
  return { outcome: 'ask', operation: operation.name, input, caller };
}

function isTyped(value: unknown): boolean {
  return value !== undefined && !(Array.isArray(value) && value.length === 0);
}

interface Built {
  readonly command: Command;
  readonly fields: readonly { readonly field: Field; readonly attribute: string }[];
}

function buildCommand(operation: AnyOperation, options: WordsOptions): Built {
  const command = new Command(`${options.prefix} ${operation.name}`)
    .description(operation.summary)
    .helpOption(false)
    .allowExcessArguments(false)
    .exitOverride()
    // What is wrong is thrown; nothing is printed from here.
    .configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  const known = fieldsOf(operation);
  for (const place of operation.words.positional) {
    const field = known.find(({ name }) => name === place);
    if (field === undefined) throw new TypeError(`"${operation.name}" has no field "${place}"`);
    addPlace(command, field);
  }
  const fields = known.map((field) => {
    const option = optionOf(field);
    if (operation.words.positional.includes(field.name)) option.hideHelp();
    command.addOption(option);
    if (field.kind === 'switch') command.addOption(new Option(`--no-${field.flag}`).hideHelp());
    return { field, attribute: option.attributeName() };
  });
  for (const flag of options.callerFlags ?? []) {
    if (fields.some(({ attribute }) => attribute === flag.name)) continue;
    command.option(
      flag.kind === 'text' ? `--${flag.name} <TEXT>` : `--${flag.name}`,
      flag.describe,
    );
  }
  return { command, fields };
}

/** Never required here: the schema says what is missing, for every caller in the same words. */
function addPlace(command: Command, field: Field): void {
  const dots = field.kind === 'list' ? '...' : '';
  command.argument(`[${field.flag}${dots}]`, field.describe, (text: string, before: unknown) =>
    shape(field, text, before),
  );
}

function optionOf(field: Field): Option {
  if (field.kind === 'switch') return new Option(`--${field.flag}`, field.describe);
  const value = field.choices.length > 0 ? field.choices.join('|') : placeholder(field);
  return new Option(`--${field.flag} <${value}>`, field.describe).argParser(
    (text: string, before: unknown) => shape(field, text, before),
  );
}

function placeholder(field: Field): string {
  if (field.kind === 'number') return 'NUMBER';
  return field.kind === 'list' ? 'A,B' : field.flag.toUpperCase();
}

function shape(field: Field, text: string, before: unknown): unknown {
  // What is no number stays text, so that the schema can say what it expected.
  if (field.kind === 'number') return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
  if (field.kind !== 'list') return text;
  const more = text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  return Array.isArray(before) ? [...before.map(String), ...more] : more;
}

function unreadable(operation: AnyOperation, error: CommanderError): Problem {
  const [state = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const near = /Did you mean (?:one of )?(.+?)\?/.exec(rest.join(' '))?.[1];
  const message = `Cannot read "${operation.name}": ${state.replaceAll("'", '"').replace(/\.$/, '')}`;
  const hint =
    near === undefined
      ? `Read how it is asked with \`help ${operation.name}\`.`
      : `Did you mean \`${near}\`?`;
  return new Problem(WORDS_UNREADABLE, message, { hint, cause: error });
}
