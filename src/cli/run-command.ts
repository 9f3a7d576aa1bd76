/**
 * From the words typed to an exit code. Loads no more than the words need: help, the version and
 * `config` open nothing, and everything else comes through `loadHouses()`.
 */
import { exitCodeOf } from '../gate/exit-code.ts';
import { nearestWord } from '../kernel/nearest.ts';
import { isProblem, Problem } from '../kernel/problem.ts';
import { type Answer, failure, tell } from './answer.ts';
import type { CommandDeps } from './command-deps.ts';
import { OPERATIONS, PLAIN_COMMANDS } from './commands.ts';
import { CALLER_FLAGS, commandOf, mendDashes, wantsJson } from './globals.ts';
import { answerWithoutCommand, help, load, plainAnswerOf, plainHelp } from './plain-commands.ts';
import { COMMAND_UNREADABLE } from './problems.ts';
import { terminalActor } from './terminal.ts';

/** Answers the exit code; whatever happens, it has been told. */
export async function runCommand(argv: readonly string[], deps: CommandDeps): Promise<number> {
  const words = mendDashes(argv);
  const isJson = wantsJson(words);
  let answer: Answer;
  try {
    answer = await answerTo(words, deps);
  } catch (error) {
    answer = await failed(error, deps);
  }
  const exitCode = tell(answer, deps.terminal, isJson);
  return deps.stop.exitCode() ?? exitCode;
}

async function failed(error: unknown, deps: CommandDeps): Promise<Answer> {
  const { signal } = deps.stop;
  const isStop = signal.aborted && !isProblem(error);
  const answer = failure(isStop ? signal.reason : error, 'do it');
  if (!isProblem(error) && !isStop) {
    const log = await deps.openLog('error');
    log.error('The command met a bug', { code: answer.problem?.code ?? 'GATE_BUG', error });
  }
  return { ...answer, exitCode: exitCodeOf(isStop ? signal.reason : error) };
}

async function answerTo(words: readonly string[], deps: CommandDeps): Promise<Answer> {
  const name = commandOf(words);
  if (name === undefined) return answerWithoutCommand(words);
  if (name === 'help' && words.filter((word) => !word.startsWith('-')).length === 1) return help();
  const plain = plainAnswerOf(name, words);
  if (plain === undefined) return operationAnswer(words, name, deps);
  return words.includes('--help') || words.includes('-h') ? plainHelp(name) : plain(words, deps);
}

async function operationAnswer(
  words: readonly string[],
  name: string,
  deps: CommandDeps,
): Promise<Answer> {
  requireKnown(name);
  const { readWords } = await import('../gate/words.ts');
  const read = readWords(await deps.describe(), words, {
    prefix: 'npx dbdr',
    callerFlags: CALLER_FLAGS,
  });
  if (read.outcome === 'help') return { json: { help: read.text }, text: read.text, exitCode: 0 };
  const { caller, operation, input } = read;
  const loaded = await load(textFlag(caller['config']), deps);
  const { terminal, stop, clock } = deps;
  const { signal } = stop;
  const log = await deps.openLog('warn');
  const houses = await deps.loadHouses();
  await using house = await houses.open(loaded, { log, signal });
  const zone = loaded.config.timezone;
  const { askAtTerminal } = await import('./operation-command.ts');
  return await askAtTerminal(
    {
      house,
      actor: terminalActor(terminal.environment, zone),
      reader: { zone, now: clock.now() },
      terminal,
      signal,
    },
    {
      operation,
      input,
      isPlan: caller['plan'] === true,
      isYes: caller['yes'] === true,
      reason: textFlag(caller['reason']),
    },
  );
}

function textFlag(value: string | true | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Told before anything is opened: a typing mistake needs no config. */
function requireKnown(name: string): void {
  const known = [...OPERATIONS, ...PLAIN_COMMANDS].map((command) => command.name).concat('help');
  if (known.includes(name)) return;
  const near = nearestWord(name, known);
  const message = `Cannot read "${name}": no such operation`;
  if (near === undefined) throw new Problem(COMMAND_UNREADABLE, message);
  throw new Problem(COMMAND_UNREADABLE, message, { hint: `Did you mean \`${near}\`?` });
}
