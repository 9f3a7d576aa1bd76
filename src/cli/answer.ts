/**
 * How a command ends: one document on standard output where `--json` asks for it, else words for a
 * person; a problem goes to standard error, and its document to standard output.
 */
import { exitCodeOf } from '../gate/exit-code.ts';
import { asProblem, problemJson } from '../gate/problem-json.ts';
import type { Json } from '../kernel/codecs.ts';
import { OPERATIONS, PLAIN_COMMANDS } from './commands.ts';
import { problemText, type ToldProblem } from './problem-text.ts';
import type { Terminal } from './terminal.ts';

export interface Answer {
  /** The document. */
  readonly json: Json;
  /** The same for a person. */
  readonly text: string;
  /** What went wrong, told after the answer. */
  readonly problem?: ToldProblem;
  readonly exitCode: number;
}

const COMMANDS = [...OPERATIONS, ...PLAIN_COMMANDS].map(({ name }) => name).concat('help');

export function tell(answer: Answer, terminal: Terminal, isJson: boolean): number {
  if (isJson) terminal.out(`${JSON.stringify(answer.json)}\n`);
  else if (answer.text !== '') terminal.out(ended(answer.text));
  if (answer.problem !== undefined) terminal.err(problemText(answer.problem, COMMANDS));
  return answer.exitCode;
}

/** The answer of a command that failed before there was anything else to say. */
export function failure(error: unknown, doing: string): Answer {
  const { fault: _fault, ...problem } = problemJson(asProblem(error, doing));
  return { json: { problem }, text: '', problem, exitCode: exitCodeOf(error) };
}

function ended(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}
