/** Commands that are no operations: help, the version, `config`, `keys create`, `serve`. */
import { readFileSync } from 'node:fs';

import { askManaged, type LoadedConfig, loadConfig } from '../config/load.ts';
import { Problem } from '../kernel/problem.ts';
import type { Answer } from './answer.ts';
import type { CommandDeps } from './command-deps.ts';
import { OPERATIONS, PLAIN_COMMANDS } from './commands.ts';
import { configCommand } from './config-command.ts';
import { plainWords, readPlain, wantsJson } from './globals.ts';
import { helpText } from './help.ts';
import { COMMAND_UNREADABLE } from './problems.ts';

type PlainAnswer = (words: readonly string[], deps: CommandDeps) => Answer | Promise<Answer>;

const PLAIN_ANSWERS: Readonly<Record<string, PlainAnswer | undefined>> = {
  config: configAnswer,
  serve: serveAnswer,
  version,
};

/** Undefined: these words ask for an operation. */
export function plainAnswerOf(name: string, words: readonly string[]): PlainAnswer | undefined {
  // The other words of `keys` need an open house, this one may have no key to open one with.
  if (name === 'keys') return plainWords(words)[1] === 'create' ? keysAnswer : undefined;
  return PLAIN_ANSWERS[name];
}

/** No command: help, unless a flag was mistyped. */
export function answerWithoutCommand(words: readonly string[]): Answer {
  const known = ['--help', '-h', '--version'];
  readPlain(words.filter((word) => !known.includes(word)));
  return words.includes('--version') ? version() : help();
}

export function help(): Answer {
  const commands = [...OPERATIONS, ...PLAIN_COMMANDS].map((command) => ({ ...command }));
  return { json: { commands }, text: helpText(), exitCode: 0 };
}

export function plainHelp(name: string): Answer {
  const command = PLAIN_COMMANDS.find((one) => one.name === name);
  const text = `Usage: npx dbdr ${command?.usage ?? name} [--config FILE] [--json]\n\n${command?.summary ?? ''}`;
  return { json: { ...command }, text, exitCode: 0 };
}

function version(): Answer {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const found = /"version": "([^"]+)"/.exec(text)?.[1] ?? 'unknown';
  return { json: { version: found }, text: `dbdr ${found}`, exitCode: 0 };
}

async function configAnswer(
  words: readonly string[],
  { terminal, stop }: CommandDeps,
): Promise<Answer> {
  const plain = readPlain(words);
  const { environment, directory } = terminal;
  const { signal } = stop;
  const request = { file: plain.config, environment, directory };
  return await configCommand(plain.words.slice(1), request, { signal });
}

async function keysAnswer(words: readonly string[], deps: CommandDeps): Promise<Answer> {
  const plain = readPlain(words);
  const [, , extra] = plain.words;
  if (extra !== undefined)
    throw new Problem(COMMAND_UNREADABLE, `Cannot read "keys create ${extra}": it takes no words`);
  const houses = await deps.loadHouses();
  const { signal } = deps.stop;
  const made = await houses.createKeys(await load(plain.config, deps), { signal });
  const { keyId, places, escrow } = made;
  const text = `Made the key ${keyId} in ${places.join(', ')}\n${escrow}`;
  const [path = ''] = places;
  return { json: { keyId, path, places, escrow }, text, exitCode: 0 };
}

async function serveAnswer(words: readonly string[], deps: CommandDeps): Promise<Answer> {
  const { terminal, stop } = deps;
  const plain = readPlain(words);
  const [, extra] = plain.words;
  if (extra !== undefined)
    throw new Problem(COMMAND_UNREADABLE, `Cannot read "serve ${extra}": it takes no words`);
  const loaded = await load(plain.config, deps);
  const log = await deps.openLog('info');
  const say = wantsJson(words) ? () => undefined : (line: string) => terminal.out(`${line}\n`);
  await deps.serve(loaded, { log, signal: stop.signal, say });
  return { json: { stopped: true }, text: '', exitCode: 0 };
}

export async function load(
  file: string | undefined,
  { terminal, stop }: CommandDeps,
): Promise<LoadedConfig> {
  const { environment, directory } = terminal;
  const { signal } = stop;
  return loadConfig(await askManaged({ file, environment, directory }, { signal }));
}
