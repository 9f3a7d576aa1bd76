/** Puts what is known into a step: its prose, its command, its operation, its query. Pure. */
import type { Runbook, RunbookStep, StepBlock } from './runbook.ts';

/** What is known of an incident; a list is a list for operations and has commas in text. */
export type KnownInputs = Readonly<Record<string, string | readonly string[] | undefined>>;

export type ArgumentValue = string | number | boolean | readonly string[];

export interface FilledStep {
  readonly id: string;
  readonly title: string;
  readonly prose: string;
  readonly estimateSeconds: number;
  /** The exact terminal command; what is not known stands as `<name>`. */
  readonly command: string | null;
  readonly verifySql: string | null;
  /** Null: for human hands. */
  readonly operation: string | null;
  readonly arguments: Readonly<Record<string, ArgumentValue>>;
  /** Inputs the operation needs and nobody has said: it must not be started. */
  readonly missing: readonly string[];
}

const PLACEHOLDER = /\{\{(\w+)\}\}/g;
/** Given by position in every operation: `status shop`. */
const POSITIONAL = 'server';

export function fillStep(
  step: RunbookStep,
  declared: Runbook['inputs'],
  inputs: KnownInputs,
): FilledStep {
  const block = step.block === null ? null : withoutUnknown(step.block, declared, inputs);
  const filled = (block?.arguments ?? []).map(
    ([name, value]) => [name, fillValue(value, inputs)] as const,
  );
  const missing = namesIn(JSON.stringify(block?.arguments ?? [])).filter(
    (name) => textOf(inputs[name]) === undefined,
  );
  const command = block === null ? step.command : commandOf(block);
  return {
    id: step.id,
    title: step.title,
    prose: fillText(step.prose, inputs),
    estimateSeconds: step.estimateSeconds,
    command: command === null ? null : fillText(command, inputs),
    verifySql: step.verifySql === null ? null : fillText(step.verifySql, inputs),
    operation: block?.operation ?? null,
    arguments: Object.fromEntries(filled),
    missing,
  };
}

/** `npx dbdr restore {{server}} --to {{moment}} --tables {{tables}}`. */
export function commandOf({ operation, arguments: values }: StepBlock): string {
  const place = values.find(([name]) => name === POSITIONAL)?.[1];
  const flags = values
    .filter(([name]) => name !== POSITIONAL)
    .map(([name, value]) => {
      const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
      return value === true ? flag : `${flag} ${quote(String(value))}`;
    });
  const words = ['npx dbdr', operation, ...(place === undefined ? [] : [quote(String(place))])];
  return [...words, ...flags].join(' ');
}

/** The inputs a text asks for, each once. */
export function namesIn(text: string): readonly string[] {
  return [...new Set([...text.matchAll(PLACEHOLDER)].map((match) => match[1] ?? ''))];
}

/** Arguments that are nothing but an optional input nobody has said are not given. */
function withoutUnknown(
  block: StepBlock,
  declared: Runbook['inputs'],
  inputs: KnownInputs,
): StepBlock {
  const kept = block.arguments.filter(([, value]) => {
    const name = soleName(value);
    if (name === undefined || textOf(inputs[name]) !== undefined) return true;
    return declared[name]?.optional !== true;
  });
  return { operation: block.operation, arguments: kept };
}

function fillValue(value: string | number | boolean, inputs: KnownInputs): ArgumentValue {
  if (typeof value !== 'string') return value;
  const name = soleName(value);
  const known = name === undefined ? undefined : inputs[name];
  return typeof known === 'object' ? known : fillText(value, inputs);
}

function soleName(value: string | number | boolean): string | undefined {
  return /^\{\{(\w+)\}\}$/.exec(String(value))?.[1];
}

function fillText(text: string, inputs: KnownInputs): string {
  return text.replaceAll(
    PLACEHOLDER,
    (_match, name: string) => textOf(inputs[name]) ?? `<${name}>`,
  );
}

function textOf(value: KnownInputs[string]): string | undefined {
  if (value === undefined || value.length === 0) return undefined;
  return typeof value === 'string' ? value : value.join(',');
}

/** For a shell; placeholders stay readable, and what fills them is checked where it comes in. */
function quote(word: string): string {
  return /^[\w@%+=:,./{}-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
